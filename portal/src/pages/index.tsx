// SPDX-License-Identifier: MIT
// Which page a route is. Pages are loaded when they are first looked at; the overview comes with the frame.

import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { loadSession } from '../lib/api';
import { onReturn } from '../lib/events';
import { loadAnew, type Route } from '../lib/router';
import { t } from '../strings';
import { Fault, Loading } from '../ui/ui';
import { NotFound } from './not_found';
import { Overview } from './overview';

interface PageProps { path: string[] }

type Load = () => Promise<ComponentType<PageProps>>;

const PAGES: Record<string, Load> = {
    alerts: async () => (await import('./alerts')).Alerts,
    recommendations: async () => (await import('./recommendations')).Recommendations,
    devices: async () => (await import('./devices')).Devices,
    groups: async () => (await import('./groups')).Groups,
    intel: async () => (await import('./intel')).Intel,
    query: async () => (await import('./query')).Query,
    settings: async () => (await import('./settings')).Settings,
};

const loaded = new Map<string, ComponentType<PageProps>>();

function Later({ name, path }: { name: string; path: string[] }): JSX.Element {
    const [, setTurn] = useState(0);
    const [error, setError] = useState<Error | undefined>(undefined);
    const Found = loaded.get(name);
    const load = () => {
        setError(undefined);
        PAGES[name]?.().then(
            (page) => {
                loaded.set(name, page);
                setTurn((n) => n + 1);
            },
            (fault: unknown) => {
                console.error(fault);
                setError(new Error(t.faults.pageLoad));
            }
        );
    };
    useEffect(() => {
        if (!Found) {
            load();
        }
    }, [name]);
    useEffect(() => (error ? onReturn(loadAnew) : undefined), [error]);
    if (error) {
        // Parts that a browser could not load stay missing until it begins anew; an update gives them other names, too.
        return <Fault error={error} retry={() => { loadSession().then(loadAnew, () => undefined); }} />;
    }
    return Found ? <Found path={path} /> : <Loading />;
}

export function pageOf(route: Route): JSX.Element {
    const [section = '', ...path] = route.path;
    if (section === '') {
        return <Overview />;
    }
    return Object.hasOwn(PAGES, section) ? <Later key={section} name={section} path={path} /> : <NotFound />;
}

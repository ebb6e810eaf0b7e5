// SPDX-License-Identifier: MIT
// Which page a route is. Pages are loaded when they are first looked at; the overview comes with the frame.

import type { ComponentType, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Route } from '../lib/router';
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
            (fault: unknown) => { setError(fault instanceof Error ? fault : new Error(String(fault))); }
        );
    };
    useEffect(() => {
        if (!Found) {
            load();
        }
    }, [name]);
    if (error) {
        return <Fault error={error} retry={load} />;
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

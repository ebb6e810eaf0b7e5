// SPDX-License-Identifier: MIT
// What is done with a feed.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, may, useAction } from '../../lib/api';
import { announce } from '../../lib/events';
import { go, href } from '../../lib/router';
import { t } from '../../strings';
import { Confirm } from '../../ui/confirm';
import { toast } from '../../ui/dialog';
import { Button } from '../../ui/ui';
import { isLocal, sourceOf, type Feed } from './feeds';

const s = t.intel;

export const pathOf = (name: string): string => `/feeds/${encodeURIComponent(name)}`;

/** Whether who is signed in may have it read again now. What has no source is read when its text comes. */
export function canRefresh(feed: Feed): boolean {
    return may('contributor') && sourceOf(feed.settings) !== 'text' && feed.settings.enabled !== false;
}

/** Reads the feed's source again. */
export function RefreshButton({ feed, small = false }: { feed: Feed; small?: boolean }): JSX.Element | null {
    const { run, running } = useAction();
    if (!canRefresh(feed)) {
        return null;
    }
    const refresh = () => run(async () => {
        try {
            const { error } = await call<Feed>('POST', `${pathOf(feed.name)}/refresh`);
            toast(error === null ? s.refreshed(feed.name) : s.notRefreshed(feed.name, error));
        } catch (fault) {
            toast(s.notRefreshed(feed.name, fault instanceof Error ? fault.message : String(fault)));
        }
        announce('feeds');
    });
    return (
        <Button small={small} disabled={running} label={s.refreshOf(feed.name)} onClick={() => { void refresh(); }}>
            {running ? s.refreshing : s.refresh}
        </Button>
    );
}

/** `onGoing`: while it is being removed nothing is to ask for it. */
export function RemoveButton({ feed, onGoing }: { feed: Feed; onGoing: (is: boolean) => void }): JSX.Element {
    const [open, setOpen] = useState(false);
    const remove = async () => {
        onGoing(true);
        try {
            await call('DELETE', pathOf(feed.name));
        } catch (fault) {
            onGoing(false);
            throw fault;
        }
    };
    return (
        <>
            <Button kind="danger" onClick={() => { setOpen(true); }}>{t.remove}</Button>
            {open ? (
                <Confirm title={s.removeTitle(feed.name)} submit={t.remove} danger onClose={() => { setOpen(false); }}
                    act={remove}
                    onDone={() => {
                        toast(s.removed(feed.name));
                        announce('feeds');
                        go(href(['intel']));
                    }}>
                    <p>{feed.settings.kind === 'exceptions' ? s.removeExceptions : s.removeText(feed.report.used)}</p>
                </Confirm>
            ) : null}
        </>
    );
}

/** Off: it is kept and not used. */
export function SwitchButton({ feed }: { feed: Feed }): JSX.Element | null {
    const [open, setOpen] = useState(false);
    const isOn = feed.settings.enabled !== false;
    if (isLocal(feed.settings)) {
        return null;
    }
    return (
        <>
            <Button onClick={() => { setOpen(true); }}>{isOn ? s.switchOff : s.switchOn}</Button>
            {open ? (
                <Confirm title={isOn ? s.switchOffTitle(feed.name) : s.switchOnTitle(feed.name)} submit={isOn ? s.switchOff : s.switchOn}
                    danger={isOn} onClose={() => { setOpen(false); }}
                    act={() => call('PUT', pathOf(feed.name), { settings: { ...feed.settings, enabled: !isOn } })}
                    onDone={() => {
                        setOpen(false);
                        toast(isOn ? s.isOff(feed.name) : s.isOn(feed.name));
                        announce('feeds');
                    }}>
                    <p>{isOn ? s.switchOffText : s.switchOnText}</p>
                </Confirm>
            ) : null}
        </>
    );
}

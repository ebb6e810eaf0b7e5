// SPDX-License-Identifier: MIT
// The frame around every page: who is signed in, where one can go, whether the page is live.

import type { ComponentChildren, JSX } from 'preact';
import { Component } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { forgetAnswers, loadSession, signOut, useGet, whenSignedOut, type Session } from './lib/api';
import { announceReturn, onLiveness, startEvents, stopEvents, type Liveness } from './lib/events';
import { useRetry } from './lib/retry';
import { href, Link, useRoute, type Route } from './lib/router';
import { setTheme, theme } from './lib/theme';
import { pageOf } from './pages';
import { SignIn, SignInAgain } from './pages/sign_in';
import { t } from './strings';
import { Toasts } from './ui/dialog';
import { Icon, type IconName } from './ui/icons';
import { Lost } from './ui/lost';
import { Button, Fault, Loading } from './ui/ui';

const NAV: [segment: string, name: string, icon: IconName][] = [
    ['', t.nav.overview, 'overview'],
    ['alerts', t.nav.alerts, 'alerts'],
    ['recommendations', t.nav.recommendations, 'recommendations'],
    ['devices', t.nav.devices, 'devices'],
    ['groups', t.nav.groups, 'groups'],
    ['intel', t.nav.intel, 'intel'],
    ['query', t.nav.query, 'query'],
    ['settings', t.nav.settings, 'settings'],
];

function Brand(): JSX.Element {
    return (
        <Link class="brand" to={href([])}>
            <svg viewBox="0 0 32 32" aria-hidden="true">
                <path fill="#0f5e6e" d="M16 1 29 6v10c0 8-5.5 12.7-13 15C8.5 28.7 3 24 3 16V6z" />
                <path fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"
                    d="m9.5 11 6.5 11 6.5-11" />
            </svg>
            {t.product}
        </Link>
    );
}

/** Open alerts of high severity, beside the link to them. */
function HighCount({ of: high }: { of: number }): JSX.Element | null {
    return high > 0 ? (
        <span class="count"><span aria-hidden="true">{high}</span><span class="visually-hidden">{t.openAlerts(high)}</span></span>
    ) : null;
}

function LiveMark(): JSX.Element {
    const [state, setState] = useState<Liveness>('off');
    useEffect(() => onLiveness(setState), []);
    return <span class={`live is-${state}`} role="status">{t.live[state]}</span>;
}

function ThemeButton(): JSX.Element {
    const [now, set] = useState(theme);
    const other = now === 'dark' ? 'light' : 'dark';
    return (
        <Button small kind="ghost" icon={now === 'dark' ? 'sun' : 'moon'}
            label={now === 'dark' ? t.theme.toLight : t.theme.toDark}
            onClick={() => {
                setTheme(other);
                set(other);
            }} />
    );
}

/** A page that fails shows its fault; the frame stays. */
class Guard extends Component<{ path: string; children: ComponentChildren }, { error: Error | undefined }> {
    override state = { error: undefined as Error | undefined };

    override componentDidCatch(error: unknown): void {
        console.error(error);
        this.setState({ error: error instanceof Error ? error : new Error(String(error)) });
    }

    override componentDidUpdate(before: { path: string }): void {
        if (before.path !== this.props.path && this.state.error) {
            this.setState({ error: undefined });
        }
    }

    render(): ComponentChildren {
        return this.state.error ? (
            <Fault error={new Error(`${t.faults.page} ${this.state.error.message}`)}
                retry={() => { this.setState({ error: undefined }); }} />
        ) : this.props.children;
    }
}

function Navigation({ route, session, open, high }: { route: Route; session: Session; open: boolean; high: number }): JSX.Element {
    const section = route.path[0] ?? '';
    return (
        <nav class={open ? 'nav open' : 'nav'} id="nav" aria-label={t.mainNavigation}>
            <Brand />
            {NAV.map(([segment, name, icon]) => (
                <Link key={segment} class="item" to={href(segment === '' ? [] : [segment])} current={section === segment}>
                    <Icon name={icon} />{name}{segment === 'alerts' ? <HighCount of={high} /> : null}
                </Link>
            ))}
            <div class="foot">
                <LiveMark />
                <span class="small wrap">{t.signedInAs(session.name, session.role)}</span>
                <div class="row">
                    <Button small icon="out" onClick={() => { void signOut(); }}>{t.signOut}</Button>
                    <ThemeButton />
                </div>
            </div>
        </nav>
    );
}

function Frame({ session, isOver }: { session: Session; isOver: boolean }): JSX.Element {
    const route = useRoute();
    const [open, setOpen] = useState(false);
    const main = useRef<HTMLElement>(null);
    const path = route.path.join('/');
    const first = useRef(true);
    const { data } = useGet<{ alerts: { open: { High: number } } }>('/overview', ['alerts']);
    const high = data?.alerts.open.High ?? 0;

    useEffect(() => {
        setOpen(false);
        if (!first.current) {
            main.current?.focus(); // a new page is read from its start
        }
        first.current = false;
    }, [path]);
    useEffect(() => {
        if (isOver) {
            return undefined;
        }
        startEvents();
        return stopEvents;
    }, [isOver]);
    return (
        <>
            <a class="skip" href="#main">{t.skip}</a>
            <header class="topbar">
                <Button small kind="ghost" icon={open ? 'close' : 'menu'} label={t.menu} expanded={open}
                    onClick={() => { setOpen(!open); }} />
                <Brand />
                {high > 0 ? <Link class="push" to={href(['alerts'], { severity: 'High' })}><HighCount of={high} /></Link> : null}
            </header>
            <div class="frame">
                <Navigation route={route} session={session} open={open} high={high} />
                <main id="main" ref={main} tabIndex={-1}>
                    <Lost />
                    <Guard path={path}>{pageOf(route)}</Guard>
                </main>
            </div>
            <Toasts />
        </>
    );
}

export function App(): JSX.Element {
    const [session, setSession] = useState<Session | null | undefined>(undefined);
    const [error, setError] = useState<Error | undefined>(undefined);
    const [ended, setEnded] = useState(false);
    const [isOver, setOver] = useState(false);
    const load = useCallback(() => {
        loadSession().then((found) => {
            setError(undefined);
            setSession(found);
        }, (fault: unknown) => {
            setError(fault instanceof Error ? fault : new Error(String(fault)));
        });
    }, []);
    useRetry(error, load);
    useEffect(() => {
        whenSignedOut((over) => {
            setOver(over);
            if (!over) {
                forgetAnswers();
                setEnded(true);
                setSession(null);
            }
        });
        load();
    }, []);
    /** What was being written stays where it is, if the same one goes on with it. */
    const goOn = (before: Session, made: Session) => {
        const isOther = made.name !== before.name || made.role !== before.role;
        if (isOther) {
            forgetAnswers();
        }
        setSession(made);
        setOver(false);
        if (!isOther) {
            announceReturn();
        }
    };
    if (error) {
        return <main><Fault error={error} retry={load} /></main>;
    }
    if (session === undefined) {
        return <main><Loading /></main>;
    }
    return session === null
        ? <SignIn ended={ended} onSignedIn={setSession} />
        : (
            <>
                <Frame key={`${session.role} ${session.name}`} session={session} isOver={isOver} />
                {isOver ? <SignInAgain onSignedIn={(made) => { goOn(session, made); }} /> : null}
            </>
        );
}

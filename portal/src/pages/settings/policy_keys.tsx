// SPDX-License-Identifier: MIT
// The keys of a policy, shown to be copied; an owner makes them anew.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { call, get, may, useAction } from '../../lib/api';
import { t } from '../../strings';
import type { Key } from '../../strings/settings/policies';
import { Confirm } from '../../ui/confirm';
import { Dialog, toast } from '../../ui/dialog';
import { Button, CopyButton, Facts, Fault, Loading } from '../../ui/ui';

const s = t.settings.policies;
const ROLLS: Key[] = ['primary', 'secondary', 'both'];

export interface PolicyKeys { keyName: string; primaryKey: string; secondaryKey: string; rights: string; connectionString: string }

function Secret({ text }: { text: string }): JSX.Element {
    return <span class="code-box row"><code class="wrap">{text}</code><CopyButton text={text} /></span>;
}

function Shown({ of }: { of: PolicyKeys }): JSX.Element {
    return (
        <Facts of={[
            [s.primary, <Secret key="p" text={of.primaryKey} />],
            [s.secondary, <Secret key="s" text={of.secondaryKey} />],
            [s.connection, <Secret key="c" text={of.connectionString} />],
        ]} />
    );
}

function Roll({ name, onRolled }: { name: string; onRolled: (keys: PolicyKeys) => void }): JSX.Element {
    const [which, setWhich] = useState<Key | undefined>(undefined);
    return (
        <div class="row">
            {ROLLS.map((key) => <Button key={key} small kind="danger" onClick={() => { setWhich(key); }}>{s.roll[key]}</Button>)}
            {which ? (
                <Confirm title={s.rollTitle(name, which)} submit={s.rollSubmit} danger onClose={() => { setWhich(undefined); }}
                    act={async () => { onRolled(await call<PolicyKeys>('POST', `/policies/${encodeURIComponent(name)}/rotate`, { key: which })); }}
                    onDone={() => {
                        setWhich(undefined);
                        toast(s.rolled);
                    }}>
                    <p>{s.rollText}</p>
                </Confirm>
            ) : null}
        </div>
    );
}

/** `made`: one that was just made, whose keys came with it. They stay in this dialog only. */
export function Keys({ name, made, onClose }: { name: string; made?: PolicyKeys; onClose: () => void }): JSX.Element {
    const [keys, setKeys] = useState(made);
    const { run, error } = useAction();
    useEffect(() => {
        if (!made) {
            void run(async () => { setKeys(await get<PolicyKeys>(`/policies/${encodeURIComponent(name)}`)); });
        }
    }, [name, made, run]);
    return (
        <Dialog title={s.keysOf(name)} onClose={onClose}>
            {made ? <p>{s.made}</p> : null}
            {keys ? <Shown of={keys} /> : error ? <Fault error={error} /> : <Loading lines={3} />}
            {keys && may('owner') ? <Roll name={name} onRolled={setKeys} /> : null}
            <div class="row"><Button kind="primary" onClick={onClose}>{t.done}</Button></div>
        </Dialog>
    );
}

// SPDX-License-Identifier: MIT
// A new policy: its name and rights; its keys are shown when it is made.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAction } from '../../lib/api';
import { t } from '../../strings';
import { FormDialog } from '../../ui/dialog';
import { TextField } from '../../ui/ui';
import { Keys, type PolicyKeys } from './policy_keys';

const s = t.settings.policies;

export function NewPolicy({ onClose, onMade }: { onClose: () => void; onMade: () => void }): JSX.Element {
    const { run, running, error, clear } = useAction();
    const [name, setName] = useState('');
    const [rights, setRights] = useState<string[]>(['ServiceConnect']);
    const [made, setMade] = useState<PolicyKeys | undefined>(undefined);
    const submit = () => run(async () => {
        setMade(await call<PolicyKeys>('POST', '/policies', { keyName: name, rights: rights.join(', ') }));
        onMade();
    });
    if (made) {
        return <Keys name={made.keyName} made={made} onClose={onClose} />;
    }
    return (
        <FormDialog title={s.createTitle} submit={s.submit} running={running} error={error} disabled={rights.length === 0}
            onClose={onClose} onSubmit={() => { void submit(); }}>
            <TextField label={s.name} value={name} required autofocus hint={s.nameHint} onInput={(value) => {
                clear();
                setName(value);
            }} />
            <div class="field" role="group" aria-label={s.rights}>
                <span class="label" aria-hidden="true">{s.rights}</span>
                {Object.entries(s.ofRights).map(([right, words]) => (
                    <label key={right} class="check">
                        <input type="checkbox" checked={rights.includes(right)} onChange={(event) => {
                            const isOn = event.currentTarget.checked;
                            setRights(Object.keys(s.ofRights).filter((one) => (one === right ? isOn : rights.includes(one))));
                        }} />
                        <span>{words}{' '}<span class="muted small mono">{right}</span></span>
                    </label>
                ))}
                {rights.length === 0 ? <span class="fault">{s.rightsFault}</span> : null}
                {rights.includes('DeviceConnect') ? <p class="muted small">{s.wide}</p> : null}
            </div>
        </FormDialog>
    );
}

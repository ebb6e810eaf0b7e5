// SPDX-License-Identifier: MIT
// A new token; its text is shown once.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { call, useAction } from '../../lib/api';
import { t } from '../../strings';
import { FormDialog } from '../../ui/dialog';
import { Once } from '../../ui/once';
import { Facts, SelectField, TextField } from '../../ui/ui';
import type { MadeToken } from './tokens';

const s = t.settings.access;

function Made({ token, onClose }: { token: MadeToken; onClose: () => void }): JSX.Element {
    return (
        <Once title={s.made(token.name)} text={s.once} secret={token.token} onClose={onClose}>
            <div class="stack tight">
                <h3>{s.client}</h3>
                <Facts of={[
                    [s.endpoint, <span key="e" class="mono wrap">{token.endpoint ?? t.none}</span>],
                    [s.subscription, <span key="s" class="mono wrap">{token.subscription}</span>],
                    [s.group, <span key="g" class="mono wrap">{token.resourceGroup}</span>],
                    [s.hub, <span key="h" class="mono wrap">{token.hub}</span>],
                ]} />
            </div>
        </Once>
    );
}

export function NewToken({ onClose, onMade }: { onClose: () => void; onMade: () => void }): JSX.Element {
    const { run, running, error, clear } = useAction();
    const [name, setName] = useState('');
    const [role, setRole] = useState('reader');
    const [days, setDays] = useState('90');
    const [made, setMade] = useState<MadeToken | undefined>(undefined);
    const submit = () => run(async () => {
        setMade(await call<MadeToken>('POST', '/tokens', {
            name, role, ...(days === '' ? {} : { expiresInSeconds: Number(days) * 86400 }),
        }));
        onMade();
    });
    if (made) {
        return <Made token={made} onClose={onClose} />;
    }
    return (
        <FormDialog title={s.createTitle} submit={s.submit} running={running} error={error} onClose={onClose}
            onSubmit={() => { void submit(); }}>
            <TextField label={s.name} value={name} required autofocus hint={s.nameHint} onInput={(value) => {
                clear();
                setName(value);
            }} />
            <SelectField label={s.role} value={role} onChange={setRole} options={Object.entries(s.roles)}
                hint={role === 'owner' ? s.ownerHint : s.rights[role]} />
            <SelectField label={s.expiresIn} value={days} onChange={setDays}
                options={[['1', s.times['1']], ['7', s.times['7']], ['30', s.times['30']], ['90', s.times['90']], ['365', s.times['365']], ['', s.times['']]]}
                hint={days === '' ? s.neverHint : undefined} />
        </FormDialog>
    );
}

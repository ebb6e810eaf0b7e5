// SPDX-License-Identifier: MIT
// Values for what a query declares.

import type { JSX } from 'preact';
import { t } from '../../strings';
import { TextField } from '../../ui/ui';
import type { Declared } from './types';

const s = t.query;

export function Parameters({ declared, values, missing, onChange }: {
    declared: Declared[]; values: Record<string, string>; missing: string[]; onChange: (values: Record<string, string>) => void;
}): JSX.Element {
    return (
        <>
            {declared.map((one) => (
                <TextField key={one.name} label={one.name} value={values[one.name] ?? ''} required={!one.hasDefault}
                    placeholder={one.default ?? ''} hint={s.parameterHint(one.type, one.hasDefault)}
                    fault={missing.includes(one.name) && (values[one.name] ?? '') === '' ? s.needsValue : undefined}
                    onInput={(value) => { onChange({ ...values, [one.name]: value }); }} />
            ))}
        </>
    );
}

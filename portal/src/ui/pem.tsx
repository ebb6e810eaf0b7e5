// SPDX-License-Identifier: MIT
// A certificate from the user: a file of PEM or DER, or pasted text.

import type { JSX } from 'preact';
import { Field } from './ui';

function base64(bytes: Uint8Array): string {
    let text = '';
    for (const byte of bytes) {
        text += String.fromCharCode(byte);
    }
    return window.btoa(text);
}

/** Text or bytes as the service takes them. */
export const encodeText = (text: string): string => base64(new TextEncoder().encode(text));

/** Base64 of DER as PEM. */
export function toPem(der: string): string {
    return `-----BEGIN CERTIFICATE-----\n${(der.match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** Calls with base64 of what was given, empty for nothing. */
export function CertificateField(props: {
    fileLabel: string; textLabel: string; placeholder?: string; onChange: (encoded: string) => void;
}): JSX.Element {
    const read = async (file: File | undefined) => {
        props.onChange(file ? base64(new Uint8Array(await file.arrayBuffer())) : '');
    };
    return (
        <>
            <Field label={props.fileLabel}>
                {(id) => (
                    <input id={id} type="file" accept=".pem,.crt,.cer,.der"
                        onChange={(event) => { void read(event.currentTarget.files?.[0]); }} />
                )}
            </Field>
            <Field label={props.textLabel}>
                {(id) => (
                    <textarea id={id} class="mono" spellcheck={false} placeholder={props.placeholder}
                        onInput={(event) => {
                            const text = event.currentTarget.value.trim();
                            props.onChange(text === '' ? '' : encodeText(`${text}\n`));
                        }} />
                )}
            </Field>
        </>
    );
}

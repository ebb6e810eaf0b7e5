// SPDX-License-Identifier: MIT
// KQL for the editor: colours and completion. The names are the service's.

import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { StreamLanguage, syntaxTree, type StreamParser } from '@codemirror/language';
import { CHARTS } from './plot';
import type { Names } from './types';

interface State { behindPipe: boolean }

const words = (list: string[]): Set<string> => new Set(list.flatMap((one) => one.split(' ')));

function parser(names: Names): StreamParser<State> {
    const operators = words(names.operators);
    const keywords = words(names.keywords);
    const functions = new Set([...names.functions, ...names.aggregates]);
    const tables = new Set(names.tables.map((table) => table.name));
    const columns = new Set(names.tables.flatMap((table) => table.columns.map((column) => column.name)));
    const word = (text: string, behindPipe: boolean): string => {
        if (behindPipe && operators.has(text)) {
            return 'keyword';
        }
        return tables.has(text) ? 'typeName' : keywords.has(text) ? 'operatorKeyword' : functions.has(text) ? 'variableName.function'
            : columns.has(text) ? 'propertyName' : text === 'true' || text === 'false' || text === 'null' ? 'atom' : 'variableName';
    };
    return {
        name: 'kql',
        languageData: { commentTokens: { line: '//' }, closeBrackets: { brackets: ['(', '[', '{', '"', "'"] } },
        startState: () => ({ behindPipe: true }),
        token(stream, state) {
            if (stream.eatSpace()) {
                return null;
            }
            const behindPipe = state.behindPipe;
            if (stream.match('//')) {
                stream.skipToEnd();
                return 'comment';
            }
            state.behindPipe = false;
            if (stream.match(/^[hH]?@?"(?:[^"\\]|\\.)*"?/) || stream.match(/^[hH]?@?'(?:[^'\\]|\\.)*'?/)) {
                return 'string';
            }
            if (stream.match(/^0x[\da-f]+|^\d+(?:\.\d+)?(?:e[+-]?\d+)?(?:d|h|m|s|ms|microsecond|tick)?\b/i)) {
                return 'number';
            }
            const found = stream.match(/^[A-Za-z_$][\w]*(?:-[A-Za-z][\w]*)*/, false) as RegExpMatchArray | null;
            if (found) {
                // "mv-expand" is a word behind a pipe, "a-b" is a difference.
                const whole = found[0];
                const text = behindPipe && operators.has(whole) ? whole : /^[A-Za-z_$]\w*/.exec(whole)?.[0] ?? whole;
                stream.match(text);
                return word(text, behindPipe);
            }
            const sign = stream.next();
            state.behindPipe = sign === '|' || sign === ';' || sign === '(';
            return sign === '|' ? 'controlOperator' : 'operator';
        },
    };
}

export function kql(names: Names): StreamLanguage<State> {
    return StreamLanguage.define(parser(names));
}

// ---- Completion ----

const option = (type: string, boost = 0) => (label: string): Completion => ({ label, type, boost });

const call = (type: string) => (label: string): Completion => ({ label, type, apply: `${label}(` });

/** Names that the query makes itself: `name =` and `as name`. */
export function ownNames(text: string): string[] {
    const found = new Set<string>();
    for (const match of text.matchAll(/\b([A-Za-z_]\w*)\s*=(?![=~])|\bas\s+([A-Za-z_]\w*)/g)) {
        found.add(match[1] ?? match[2] ?? '');
    }
    return [...found];
}

/** What may stand where `before` ends, of which the last `word` letters are the beginning. */
export function completionsAt(before: string, word: string, whole: string, names: Names): Completion[] {
    const rest = before.slice(0, before.length - word.length).trimEnd();
    if (rest.endsWith('|')) {
        return names.operators.map(option('keyword', 2));
    }
    if (/\brender$/.test(rest)) {
        return CHARTS.map(option('enum'));
    }
    const named = names.tables.filter((table) => whole.includes(table.name));
    const columns = (named.length > 0 ? named : names.tables).flatMap((table) => table.columns);
    const unique = [...new Map(columns.map((column) => [column.name, column])).values()];
    const known = new Set(unique.map((column) => column.name));
    return [
        ...names.tables.map((table) => option('class', rest === '' || rest.endsWith(';') ? 3 : 0)(table.name)),
        ...unique.map((column): Completion => ({ label: column.name, type: 'property', detail: column.type, boost: 1 })),
        ...ownNames(whole).filter((name) => !known.has(name) && name !== word).map(option('variable', 1)),
        ...names.keywords.map(option('keyword')),
        ...names.functions.map(call('function')),
        ...names.aggregates.filter((name) => !names.functions.includes(name)).map(call('function')),
    ];
}

export function complete(names: Names): (context: CompletionContext) => CompletionResult | null {
    return (context) => {
        const inside = syntaxTree(context.state).resolveInner(context.pos, -1).name;
        const word = context.matchBefore(/[A-Za-z_][\w-]*/);
        if (inside === 'string' || inside === 'comment' || (!word && !context.explicit)) {
            return null;
        }
        const before = context.state.sliceDoc(0, context.pos);
        let text = word?.text ?? '';
        let from = word?.from ?? context.pos;
        if (text.includes('-') && !/\|\s*$/.test(before.slice(0, before.length - text.length))) {
            const last = text.lastIndexOf('-') + 1; // a difference, not a name
            from += last;
            text = text.slice(last);
        }
        return { from, options: completionsAt(before, text, context.state.doc.toString(), names), validFor: /^[\w-]*$/ };
    };
}

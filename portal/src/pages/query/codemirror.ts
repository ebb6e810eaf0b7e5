// SPDX-License-Identifier: MIT
// The editor itself, loaded when it is needed. It lives in a shadow root: there its style sheets are adopted ones, which the page's
// policy allows, and not style elements.

import {
    acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentUnit, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap, setDiagnostics } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { complete, kql } from './language';
import type { Names } from './types';

export interface EditorOptions {
    text: string;
    label: string;
    placeholder: string;
    names: Names;
    onChange: (text: string) => void;
    onRun: (text: string) => void;
}

export interface EditorHandle {
    set: (text: string) => void;
    insert: (text: string) => void;
    focus: () => void;
    /** Marks a place with what is wrong there; undefined: nothing is. */
    mark: (problem: { from: number; to: number; message: string } | undefined) => void;
    close: () => void;
}

const colors = HighlightStyle.define([
    { tag: tags.keyword, color: 'var(--accent)', fontWeight: '600' },
    { tag: tags.operatorKeyword, color: 'var(--accent)' },
    { tag: tags.controlOperator, color: 'var(--accent)', fontWeight: '600' },
    { tag: tags.typeName, color: 'var(--low)', fontWeight: '600' },
    { tag: tags.propertyName, color: 'var(--low)' },
    { tag: tags.function(tags.variableName), color: 'var(--medium)' },
    { tag: tags.string, color: 'var(--good)' },
    { tag: [tags.number, tags.atom], color: 'var(--high)' },
    { tag: tags.comment, color: 'var(--text-2)', fontStyle: 'italic' },
]);

const look = EditorView.theme({
    '&': { color: 'var(--text)', backgroundColor: 'var(--surface)', borderRadius: '6px', border: '1px solid var(--line-strong)', fontSize: '13.5px' },
    '&.cm-focused': { outline: '2px solid var(--focus)', outlineOffset: '1px' },
    '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5', minHeight: '132px', maxHeight: '46vh', overflow: 'auto' },
    '.cm-content': { caretColor: 'var(--text)', padding: '6px 0' },
    '.cm-cursor': { borderLeftColor: 'var(--text)' },
    '.cm-gutters': { backgroundColor: 'var(--surface-2)', color: 'var(--text-2)', border: '0', borderRadius: '6px 0 0 6px' },
    '.cm-activeLine': { backgroundColor: 'transparent' },
    '&.cm-focused .cm-activeLine': { backgroundColor: 'var(--surface-2)' },
    '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'var(--accent-soft)' },
    '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--accent-soft)', outline: '1px solid var(--accent)' },
    '.cm-placeholder': { color: 'var(--text-2)' },
    '.cm-tooltip': { backgroundColor: 'var(--surface)', color: 'var(--text)', border: '1px solid var(--line-strong)', borderRadius: '6px' },
    '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', maxHeight: '13em' },
    '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
    '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--accent-text)' },
    '.cm-completionDetail': { color: 'inherit', opacity: '.8', fontStyle: 'normal' },
    '.cm-diagnostic': { padding: '6px 10px', fontFamily: 'var(--font)', borderLeft: '4px solid var(--high)' },
    // The library draws its lines with data: URLs, which the page's policy does not allow.
    '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--high)', textUnderlineOffset: '3px', textDecorationSkipInk: 'none' },
    '.cm-lintPoint-error:after': { borderBottomColor: 'var(--high)' },
});

/** Text that takes the place of other text is put there by the editor: the browser would keep the old text's style, in style attributes,
 * which the page's policy forbids. */
const replaceSelection = EditorView.domEventHandlers({
    beforeinput: (event, view) => {
        const { main } = view.state.selection;
        const text = event.data;
        if (event.inputType !== 'insertText' || event.isComposing || text === null || main.empty) {
            return false;
        }
        event.preventDefault();
        const insert = () => view.state.update(view.state.replaceSelection(text), { userEvent: 'input.type', scrollIntoView: true });
        if (!view.state.facet(EditorView.inputHandler).some((handle) => handle(view, main.from, main.to, text, insert))) {
            view.dispatch(insert());
        }
        return true;
    },
});

/** What the browser adopted sheets for; `root` has nothing else in it. */
export function openEditor(root: ShadowRoot, options: EditorOptions): EditorHandle {
    const view = new EditorView({
        root,
        parent: root,
        state: EditorState.create({
            doc: options.text,
            extensions: [
                Prec.highest(keymap.of([{ key: 'Mod-Enter', run: ({ state }) => { options.onRun(state.doc.toString()); return true; } }])),
                lineNumbers(), history(), drawSelection(), highlightActiveLine(), bracketMatching(), closeBrackets(),
                indentUnit.of('    '), EditorView.lineWrapping, placeholder(options.placeholder),
                kql(options.names), syntaxHighlighting(colors), look, replaceSelection,
                autocompletion({ override: [complete(options.names)], icons: false }),
                // Tab takes a completion or indents; Escape and then Tab leaves, as the library has it.
                keymap.of([
                    { key: 'Tab', run: acceptCompletion }, indentWithTab, ...closeBracketsKeymap, ...completionKeymap, ...historyKeymap,
                    ...lintKeymap, ...defaultKeymap,
                ]),
                EditorView.contentAttributes.of({ 'aria-label': options.label, tabindex: '0', spellcheck: 'false' }),
                EditorView.updateListener.of((update) => {
                    if (update.docChanged) {
                        options.onChange(update.state.doc.toString());
                    }
                }),
            ],
        }),
    });
    return {
        set: (text) => {
            if (text !== view.state.doc.toString()) {
                view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
            }
        },
        insert: (text) => {
            view.dispatch(view.state.replaceSelection(text));
            view.focus();
        },
        focus: () => { view.focus(); },
        mark: (problem) => {
            const length = view.state.doc.length;
            const diagnostics = problem && problem.to <= length ? [{ ...problem, severity: 'error' as const }] : [];
            view.dispatch(setDiagnostics(view.state, diagnostics));
        },
        close: () => { view.destroy(); },
    };
}

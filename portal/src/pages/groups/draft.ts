// SPDX-License-Identifier: MIT
// Rules that are being edited. They outlive a look at another page, and are forgotten when the browser's page is left.

import { useEffect, useState } from 'preact/hooks';
import { whenForgotten } from '../../lib/api';
import { same, type Document } from './rules';

interface Draft {
    document: Document;
    /** What was saved when the editing began. */
    base: Document;
}

const drafts = new Map<string, Draft>();

whenForgotten(() => { drafts.clear(); });

export interface Editing {
    document: Document;
    isDirty: boolean;
    /** Somebody else saved since the editing began. */
    isStale: boolean;
    set: (document: Document) => void;
    discard: () => void;
}

export function useDraft(group: string, saved: Document): Editing {
    const [, setTurn] = useState(0);
    const again = () => { setTurn((n) => n + 1); };
    const draft = drafts.get(group);
    const isDirty = draft !== undefined && !same(draft.document, saved);

    useEffect(() => {
        const now = drafts.get(group);
        if (now && same(now.document, saved)) {
            drafts.delete(group); // it has been saved
        }
    }, [saved]);
    useEffect(() => {
        if (!isDirty) {
            return undefined;
        }
        const ask = (event: BeforeUnloadEvent) => { event.preventDefault(); };
        window.addEventListener('beforeunload', ask);
        return () => { window.removeEventListener('beforeunload', ask); };
    }, [isDirty]);
    return {
        document: isDirty ? draft.document : saved,
        isDirty,
        isStale: isDirty && !same(draft.base, saved),
        set: (document) => {
            if (same(document, saved)) {
                drafts.delete(group);
            } else {
                drafts.set(group, { document, base: drafts.get(group)?.base ?? saved });
            }
            again();
        },
        discard: () => {
            drafts.delete(group);
            again();
        },
    };
}

// SPDX-License-Identifier: MIT
// A file made here, given to the browser to keep.

export function download(name: string, type: string, content: string): void {
    const url = URL.createObjectURL(new Blob([content], { type }));
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => { URL.revokeObjectURL(url); }, 1000);
}

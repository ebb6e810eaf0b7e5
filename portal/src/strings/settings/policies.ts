// SPDX-License-Identifier: MIT
// Words of the tab about shared access policies.

export const policies = {
    title: 'Shared access policies',
    text: 'For back ends that use the service API, and for whoever signs tokens for devices: who has a key of a policy has its rights. Give each back end a policy of its own, with no more rights than it needs.',
    caption: 'Shared access policies, by name',
    none: 'There are no policies',
    noneText: 'No back end can sign in with a key.',
    name: 'Name',
    nameHint: 'Letters, digits and - . _: who or what it is for.',
    rights: 'Rights',
    rightsFault: 'Choose one at least.',
    ofRights: {
        RegistryRead: 'Read identities',
        RegistryWrite: 'Change identities',
        ServiceConnect: 'Talk to devices, and read what they send',
        DeviceConnect: 'Connect as any device',
    } as Record<string, string>,
    wide: 'Who has a key of it can pose as every device.',
    actions: 'Actions',
    ownersOnly: 'Only an owner makes and deletes policies and their keys.',
    keys: 'Keys',
    keysOf: (name: string) => `Keys of ${name}`,
    create: 'New policy …',
    createTitle: 'New policy',
    submit: 'Create',
    made: 'Made. Here are its keys.',
    primary: 'Primary key',
    secondary: 'Secondary key',
    connection: 'Connection string',
    roll: {
        primary: 'New primary key …',
        secondary: 'New secondary key …',
        both: 'Both new …',
    } as Record<Key, string>,
    rollTitle: (name: string, which: Key) => (which === 'both' ? `Make both keys of ${name} anew?` : `Make the ${which} key of ${name} anew?`),
    rollText: 'Who uses the old key is refused from that moment on, and connections that lean on it end. Without a break: give clients the other key first.',
    rollSubmit: 'Make it anew',
    rolled: 'Made anew.',
    remove: 'Delete',
    removeOf: (name: string) => `Delete policy ${name}`,
    removeTitle: (name: string) => `Delete the policy ${name}?`,
    removeText: 'Its keys are refused from that moment on, and connections that lean on them end. A policy of the same name made later has other keys.',
    removed: 'Deleted.',
};

export type Key = 'primary' | 'secondary' | 'both';

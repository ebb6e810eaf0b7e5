// SPDX-License-Identifier: MIT
// What was asked of the service, in words: by the end of its route (a star for a name) and its method.

/** To do it, done, and to what: "#" stands for the last name of the path. */
export type ActWords = [toDo: string, done: string, what: string];

const ALERT = 'the alert #';
const DEVICE = 'the device #';
const MODULE = 'a module of the device #';
const TWIN = 'the twin of the device #';
const LETTER = 'the dead letter #';
const make = (what: string): ActWords => ['make', 'made', what];
const change = (what: string): ActWords => ['change', 'changed', what];
const remove = (what: string): ActWords => ['delete', 'deleted', what];
const call: ActWords = ['call', 'called', 'a method of the device #'];
const send: ActWords = ['send', 'sent', 'a message to the device #'];
const purge = remove('what waited for the device #');
const reopen: ActWords = ['reopen', 'reopened', ALERT];

export const acts: Record<string, ActWords> = {
    'alerts/*/start POST': ['start work on', 'started work on', ALERT],
    'alerts/*/dismiss POST': ['dismiss', 'dismissed', ALERT],
    'alerts/*/resolve POST': ['resolve', 'resolved', ALERT],
    'alerts/*/reopen POST': reopen,
    'alerts/*/activate POST': reopen,
    'alerts/*/notes POST': ['add a note to', 'added a note to', ALERT],
    'aggregatedAlerts/*/dismiss POST': ['dismiss', 'dismissed', 'all alerts of #'],
    'devices POST': make('an identity: #'),
    'devices/* PUT': change(DEVICE),
    'devices/* PATCH': change(DEVICE),
    'devices/* DELETE': remove(DEVICE),
    'devices/*/modules/* PUT': change(MODULE),
    'devices/*/modules/* DELETE': remove(MODULE),
    'devices/*/methods POST': call,
    'devices/*/modules/*/methods POST': call,
    'twins/*/methods POST': call,
    'twins/*/modules/*/methods POST': call,
    'devices/*/twin PATCH': change(TWIN),
    'devices/*/twin PUT': change(TWIN),
    'devices/*/modules/*/twin PATCH': change(TWIN),
    'devices/*/modules/*/twin PUT': change(TWIN),
    'twins/* PATCH': change(TWIN),
    'twins/* PUT': change(TWIN),
    'twins/*/modules/* PATCH': change(TWIN),
    'twins/*/modules/* PUT': change(TWIN),
    'devices/*/group PUT': change('the group of the device #'),
    'devices/*/messages POST': send,
    'devices/*/messages/devicebound POST': send,
    'devices/*/messages DELETE': purge,
    'devices/*/commands DELETE': purge,
    'feedback DELETE': remove('feedback on messages'),
    'messages/servicebound/feedback/* DELETE': remove('feedback on messages'),
    'backup POST': ['write', 'wrote', 'a backup'],
    'ip-filter PUT': change('the IP filter'),
    'certificates POST': ['add', 'added', 'a CA certificate: #'],
    'certificates/* PUT': change('the CA certificate #'),
    'certificates/* DELETE': remove('the CA certificate #'),
    'certificates/*/code POST': ['ask for', 'asked for', 'a code to verify the CA certificate #'],
    'certificates/*/generateVerificationCode POST': ['ask for', 'asked for', 'a code to verify the CA certificate #'],
    'certificates/*/verify POST': ['verify', 'verified', 'the CA certificate #'],
    'policies POST': make('the policy #'),
    'policies/* GET': ['see', 'saw', 'the keys of the policy #'],
    'policies/* DELETE': remove('the policy #'),
    'policies/*/rotate POST': make('new keys of the policy #'),
    'listkeys POST': ['see', 'saw', 'the keys of all policies'],
    'IotHubKeys/*/listkeys POST': ['see', 'saw', 'the keys of the policy #'],
    'tokens POST': make('the token #'),
    'tokens/* DELETE': remove('the token #'),
    'groups/* PUT': change('the rules of the group #'),
    'groups/* DELETE': remove('the rules of the group #'),
    'deviceSecurityGroups/* PUT': change('the rules of the group #'),
    'deviceSecurityGroups/* DELETE': remove('the rules of the group #'),
    'notify POST': make('the notification sink #'),
    'notify/* DELETE': remove('the notification sink #'),
    'notify/*/test POST': ['test', 'tested', 'the notification sink #'],
    'notify-dead/*/replay POST': ['send again', 'sent again', 'the notification #'],
    'notify-dead/* DELETE': remove('the notification #'),
    'dead-letters/replay POST': ['replay', 'replayed', 'dead letters'],
    'dead-letters DELETE': remove('dead letters'),
    'dead-letters/*/replay POST': ['replay', 'replayed', LETTER],
    'dead-letters/* DELETE': remove(LETTER),
    'indicators POST': ['import', 'imported', 'indicators'],
    'feeds/* PUT': change('the feed #'),
    'feeds/* DELETE': remove('the feed #'),
    'feeds/*/refresh POST': ['fetch', 'fetched', 'the feed #'],
    'queries/* PUT': ['save', 'saved', 'the query #'],
    'queries/* DELETE': remove('the query #'),
    'diagnosticSettings/* PUT': change('the diagnostic setting #'),
    'diagnosticSettings/* DELETE': remove('the diagnostic setting #'),
    'iotSecuritySolutions/* PUT': change('what is collected (#)'),
    'iotSecuritySolutions/* PATCH': change('what is collected (#)'),
    'iotSecuritySolutions/* DELETE': remove('the security solution #'),
    'securityContacts/* PUT': change('the security contact #'),
    'securityContacts/* PATCH': change('the security contact #'),
    'securityContacts/* DELETE': remove('the security contact #'),
    'IotHubs/* PUT': change('the hub #'),
    'IotHubs/* PATCH': change('the hub #'),
    'IotHubs/* DELETE': remove('the hub #'),
};

/** The same to all alerts of a filter, by the action. */
export const bulkActs: Record<string, [toDo: string, done: string]> = {
    start: ['start work on', 'started work on'],
    dismiss: ['dismiss', 'dismissed'],
    resolve: ['resolve', 'resolved'],
    reopen: ['reopen', 'reopened'],
    note: ['add a note to', 'added a note to'],
};

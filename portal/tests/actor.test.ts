// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { t } from '../src/strings';
import { actor } from '../src/strings/actor';

it('who did something is named as people would', () => {
    expect(['token:owner-1', 'local:root', 'policy:service', 'vedette', 'other:x', 'token:'].map(actor))
        .toEqual(['owner-1', 'root on the server', 'the policy service', 'vedette', 'other:x', 'token:']);
    expect(t.alerts.by('token:ops')).toBe('by ops');
});

it('less than one is none', () => {
    expect(t.groups.saysBelow('MqttD2CMessagesNotInAllowedRange', 1)).toBe('no messages to the cloud');
    expect(t.groups.saysBelow('MqttD2CMessagesNotInAllowedRange', 2)).toBe('fewer than 2 messages to the cloud');
});

it('what is replayed is said in a whole sentence', () => {
    expect(t.settings.deadLetters.replayAllText(0)).toBe('They are read once more, the oldest first.');
    expect(t.settings.deadLetters.replayAllText(1)).toBe('They are read once more, the oldest first. One that a replay has taken is left out.');
});

// SPDX-License-Identifier: MIT
// Every word that people read, by page. Another language is another set of these files.

import { alerts } from './alerts';
import { common } from './common';
import { devices } from './devices';
import { groups } from './groups';
import { intel } from './intel';
import { overview } from './overview';
import { query } from './query';
import { recommendations } from './recommendations';
import { settings } from './settings';

export const t = { ...common, alerts, devices, groups, intel, overview, query, recommendations, settings };

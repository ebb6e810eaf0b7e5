// SPDX-License-Identifier: MIT
import { render } from 'preact';
import { App } from './app';
import { startTheme } from './lib/theme';
import './style/tokens.css';
import './style/base.css';
import './style/ui.css';

startTheme();
const root = document.getElementById('app');
if (root) {
    render(<App />, root);
}

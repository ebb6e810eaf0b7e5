// SPDX-License-Identifier: MIT
import jsxA11y from 'eslint-plugin-jsx-a11y';
import tseslint from 'typescript-eslint';

export default tseslint.config(
    { ignores: ['dist', 'node_modules'] },
    ...tseslint.configs.strict,
    jsxA11y.flatConfigs.recommended,
    {
        files: ['**/*.{ts,tsx}'],
        rules: {
            '@typescript-eslint/no-non-null-assertion': 'error',
            'jsx-a11y/no-redundant-roles': ['error', { ul: ['list'] }],
            // What scrolls must be reached by the keyboard.
            'jsx-a11y/no-noninteractive-tabindex': ['error', { roles: ['region', 'tabpanel'], tags: [] }],
            // Strings that people read stand in src/strings.
            'no-restricted-syntax': [
                'error',
                {
                    selector: 'JSXText[value=/[A-Za-z]{2}/]',
                    message: 'text that people read belongs into src/strings',
                },
            ],
        },
    }
);

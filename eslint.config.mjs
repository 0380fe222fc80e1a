import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

const natsOnlyInBus = {
  patterns: [{ group: ['@nats-io/*'], message: 'Only libs/bus talks to NATS; take its Bus.' }],
};

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', '.nx/**', '.purser/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      // All sources as one program: each package's own would be parsed and held beside the others.
      parserOptions: { project: './tsconfig.lint.json', tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          depConstraints: [
            { sourceTag: 'type:contracts', onlyDependOnLibsWithTags: [] },
            { sourceTag: 'type:plugin-sdk', onlyDependOnLibsWithTags: ['type:contracts'] },
            { sourceTag: 'type:guard', onlyDependOnLibsWithTags: [] },
            { sourceTag: 'type:agent', onlyDependOnLibsWithTags: [] },
            { sourceTag: 'type:program-session', onlyDependOnLibsWithTags: ['type:plugin-sdk', 'type:guard'] },
            {
              sourceTag: 'type:plugin',
              onlyDependOnLibsWithTags: ['type:plugin-sdk', 'type:guard', 'type:program-session', 'type:testing'],
            },
            {
              sourceTag: 'type:lib',
              onlyDependOnLibsWithTags: ['type:lib', 'type:contracts', 'type:plugin-sdk', 'type:testing'],
            },
            { sourceTag: 'type:testing', onlyDependOnLibsWithTags: ['type:lib', 'type:contracts'] },
            {
              sourceTag: 'type:app',
              onlyDependOnLibsWithTags: [
                'type:lib',
                'type:contracts',
                'type:plugin-sdk',
                'type:guard',
                'type:program-session',
                'type:testing',
              ],
            },
            { sourceTag: 'type:launcher', onlyDependOnLibsWithTags: ['*'] },
          ],
        },
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'no-restricted-imports': ['error', natsOnlyInBus],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allow: [{ from: 'lib', name: 'URL' }] },
      ],
    },
  },
  {
    files: ['libs/bus/**/*.ts', '**/*.{spec,fixture,fake}.ts', 'libs/testing/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    // Only specs may import the testing library.
    files: ['{apps,libs,plugins}/*/src/**/*.ts'],
    ignores: ['**/*.{spec,fixture,fake}.ts', 'apps/demo/**', 'libs/testing/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...natsOnlyInBus.patterns,
            { group: ['@purser/testing'], message: 'Only specs may import @purser/testing.' },
          ],
        },
      ],
    },
  },
  {
    files: ['libs/bus/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ group: ['@purser/testing'] }] }] },
  },
  { files: ['**/*.spec.ts', '**/*.fixture.ts', 'test/**/*.ts'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        fetch: 'readonly',
        AbortController: 'readonly',
        AbortSignal: 'readonly',
      },
    },
  },
);

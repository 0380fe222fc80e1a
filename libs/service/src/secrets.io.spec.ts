import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withSecretFiles } from './config.js';
import { adminKeyFile, readOrCreateSecret, readSecret } from './secrets.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'purser-secrets-'));
  writeFileSync(join(folder, 'secret'), 'from-file\n');
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('secrets in files', () => {
  it('stand for the variable, which wins when both are set', () => {
    const file = join(folder, 'secret');
    expect(withSecretFiles({ OPENAI_API_KEY_FILE: file })).toMatchObject({ OPENAI_API_KEY: 'from-file' });
    expect(withSecretFiles({ OPENAI_API_KEY_FILE: file, OPENAI_API_KEY: 'own' })).toMatchObject({
      OPENAI_API_KEY: 'own',
    });
    expect(withSecretFiles({ SMTP_PASSWORD_FILE: file })).toMatchObject({ SMTP_PASSWORD: 'from-file' });
    expect(withSecretFiles({ SOME_FILE: file })).not.toHaveProperty('SOME');
  });

  it('are complained of by the name of the variable when they cannot be read', () => {
    expect(() => withSecretFiles({ PURSER_NATS_URL_FILE: join(folder, 'none') })).toThrow('PURSER_NATS_URL_FILE');
  });
});

describe('a generated secret', () => {
  it('is made once, for its owner alone, also by several who start at once', async () => {
    const file = adminKeyFile(join(folder, 'home'));
    const made = await Promise.all(Array.from({ length: 8 }, () => readOrCreateSecret(file, 'pk_')));
    expect(new Set(made).size).toBe(1);
    expect(made[0]).toMatch(/^pk_[A-Za-z0-9_-]{32}$/);
    expect(await readSecret(file)).toBe(made[0]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is complained of when its file is empty', async () => {
    const file = join(folder, 'empty');
    writeFileSync(file, '');
    await expect(readSecret(file)).rejects.toThrow('empty is empty; delete it');
  });
});

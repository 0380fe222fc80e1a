import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A secret in a file of mode 0600, made at the first call. Never a default, never logged. */
export async function readOrCreateSecret(file: string, prefix: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      const secret = `${prefix}${randomBytes(24).toString('base64url')}`;
      await handle.writeFile(`${secret}\n`);
      return secret;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readSecret(file);
  }
}

/** Another process may be writing it at this moment: waits briefly for its content. */
export async function readSecret(file: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const secret = (await readFile(file, 'utf8')).trim();
    if (secret) return secret;
    if (attempt === 20) throw new Error(`${file} is empty; delete it and start again, so that a new secret is made`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export const adminKeyFile = (home: string): string => join(home, 'admin.key');

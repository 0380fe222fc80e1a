import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { offloadSettings } from './offload-settings.js';
import { profilingSettings } from './profiling-settings.js';

it('are in the table of the guide, each with its standard', async () => {
  const guide = await readFile(join(__dirname, '../../../../docs/guides/offload.md'), 'utf8');
  const rows = [...guide.matchAll(/^\| `([A-Z_]+)` *\| ([^|]*?) *\|/gm)].map(([, name, standard]) => [name, standard]);
  const standards: Record<string, unknown> = z.object({ ...offloadSettings, ...profilingSettings }).parse({});
  for (const name of Object.keys({ ...offloadSettings, ...profilingSettings })) {
    const standard = standards[name];
    const told = rows.find(([row]) => row === name)?.[1];
    expect({ name, told }).toEqual({
      name,
      told:
        standard === undefined ? (expect.any(String) as string) : `\`${JSON.stringify(standard).replaceAll('"', '')}\``,
    });
  }
  expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length);
});

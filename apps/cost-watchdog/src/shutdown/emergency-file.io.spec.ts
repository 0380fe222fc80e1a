import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../index.js';
import { emergencyFileSchema, loadEmergencyFile } from './emergency-file.js';

const config = join(__dirname, '../../../../config');

describe('config/emergency.json', () => {
  it('has, as it is committed, the schema of what is read', async () => {
    const kept: unknown = JSON.parse(await readFile(join(config, 'schemas/emergency.schema.json'), 'utf8'));
    // Stale? node apps/cost-watchdog/dist/shutdown/write-schema.js config/schemas/emergency.schema.json
    expect(kept).toEqual(JSON.parse(JSON.stringify(emergencyFileSchema())));
  });

  it('lets labelled containers be stopped, as it is committed, and nothing be touched when it is missing', async () => {
    expect(await loadEmergencyFile(config)).toMatchObject({ docker: { mode: 'labelled', label: 'purser.stop=true' } });
    const without = await loadEmergencyFile(join(config, 'nowhere'));
    expect(without).toMatchObject({ docker: { mode: 'off' }, processes: { stop: [] } });
  });

  it('is looked at before anything else, when it is wrong', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'purser-emergency-'));
    const file = join(folder, 'emergency.json');
    // There is nobody at these addresses.
    const nowhere = { PURSER_NATS_URL: 'nats://127.0.0.1:1', PURSER_DATABASE_URL: 'postgres://127.0.0.1:1/none' };
    for (const [text, problem] of [
      ['{"docker": {"mode": "everything"}}', 'docker.mode: '],
      ['{"processes": {"stop": ["**"]}}', 'processes.stop.0: a name such as "comfyui" or "train-*.py"'],
      ['{"maxTargets": 0}', 'maxTargets: '],
      ['{', 'is not JSON'],
    ] as const) {
      await writeFile(file, text);
      await expect(start({ ...nowhere, PURSER_CONFIG_DIR: folder })).rejects.toThrow(problem);
    }
    await rm(folder, { recursive: true });
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../index.js';
import { AlertsFile, alertsFileSchema, loadAlertsFile } from './alerts-file.js';

const config = join(__dirname, '../../../../config');

it('has the schema of what is read', async () => {
  const kept: unknown = JSON.parse(await readFile(join(config, 'schemas/alerts.schema.json'), 'utf8'));
  // Stale? node apps/cost-watchdog/dist/write-schema.js config/schemas
  expect(kept).toEqual(JSON.parse(JSON.stringify(alertsFileSchema())));
});

it('is read, and says what holds without it', async () => {
  const { $schema, ...said } = await loadAlertsFile(config);
  expect($schema).toBe('./schemas/alerts.schema.json');
  expect(said).toEqual(AlertsFile.parse({}));
  expect(await loadAlertsFile(join(config, 'nowhere'))).toEqual(said);
});

it('is looked at before anything else, when it is wrong', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'purser-alerts-'));
  await writeFile(join(folder, 'alerts.json'), '{"dailyReport": {"at": "noon"}}');
  // There is nobody at these addresses.
  const nowhere = { PURSER_NATS_URL: 'nats://127.0.0.1:1', PURSER_DATABASE_URL: 'postgres://127.0.0.1:1/none' };
  await expect(start({ ...nowhere, PURSER_CONFIG_DIR: folder })).rejects.toThrow(`${join(folder, 'alerts.json')}: `);
  await rm(folder, { recursive: true });
});

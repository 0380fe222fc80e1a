import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../index.js';
import { budgetsFileSchema, loadBudgetsFile } from './budgets-file.js';

const config = join(__dirname, '../../../../config');

describe('the committed configuration', () => {
  it('has the schema of what is read', async () => {
    const kept: unknown = JSON.parse(await readFile(join(config, 'schemas/budgets.schema.json'), 'utf8'));
    // Stale? node apps/cost-watchdog/dist/write-schema.js config/schemas
    expect(kept).toEqual(JSON.parse(JSON.stringify(budgetsFileSchema())));
  });

  it('is read', async () => {
    const { found, budgets } = await loadBudgetsFile(config);
    expect(found).toBe(true);
    expect(budgets.map(({ id, limitUsd }) => [id, limitUsd])).toEqual([
      ['monthly-total', '50.00'],
      ['daily-total', '5.00'],
    ]);
  });

  it('is looked at before anything else, when it is wrong', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'purser-budgets-'));
    await writeFile(join(folder, 'budgets.json'), '{"budgets": [{"id": "a", "period": "day", "limitUsd": "lots"}]}');
    // There is nobody at these addresses.
    const nowhere = { PURSER_NATS_URL: 'nats://127.0.0.1:1', PURSER_DATABASE_URL: 'postgres://127.0.0.1:1/none' };
    const starting = start({ ...nowhere, PURSER_CONFIG_DIR: folder });
    await expect(starting).rejects.toThrow(
      `${join(folder, 'budgets.json')}: budgets.0.limitUsd: a decimal string in dollars`,
    );
    await rm(folder, { recursive: true });
  });

  it('may be missing', async () => {
    expect(await loadBudgetsFile(join(config, 'nowhere'))).toMatchObject({ found: false, budgets: [] });
  });
});

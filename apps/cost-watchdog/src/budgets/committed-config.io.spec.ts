import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { budgetsFileSchema, loadBudgetsFile } from './budgets-file.js';

const config = join(__dirname, '../../../../config');

describe('the committed configuration', () => {
  it('has the schema of what is read', async () => {
    const kept: unknown = JSON.parse(await readFile(join(config, 'schemas/budgets.schema.json'), 'utf8'));
    // Stale? node apps/cost-watchdog/dist/write-schema.js config/schemas/budgets.schema.json
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

  it('may be missing', async () => {
    expect(await loadBudgetsFile(join(config, 'nowhere'))).toMatchObject({ found: false, budgets: [] });
  });
});

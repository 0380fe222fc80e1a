import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FakeApi } from '../testing/fake-api.fixture.js';

describe('purser prices', () => {
  let api: FakeApi;

  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());
  const purser = (...argv: string[]) => api.purser(...argv);

  const listed = (more: object = {}) => ({
    model: 'openai/gpt-x',
    priceRow: 'set:openai/gpt-x@2026-11-28T10:00:00.000Z',
    from: 'set',
    setBy: 'ada',
    setAt: '2026-11-28T10:00:00.000Z',
    reason: '',
    price: { inputPerMillionUsd: '1.25', outputPerMillionUsd: '10', source: 'mail', date: '2026-11-28', ...more },
  });

  it('sets a price, and passes on that it looks mistyped', async () => {
    api.answers['GET /v1/prices'] = () => [200, { prices: [], warnings: [] }];
    api.answers['POST /v1/prices'] = () => [200, { price: listed(), warnings: ['1,000 times less than before.'] }];
    const typed = ['--input', '1.25', '--output', '10', '--max-output', '9000', '--source', 'mail'];
    const { code, out } = await purser('prices', 'set', 'openai/gpt-x', ...typed);
    expect(code).toBe(0);
    expect(out).toMatch(
      /openai\/gpt-x +\$1\.25 +- +\$10\.00 +2026-11-28 +set by ada +mail\nIs this right\? 1,000 times/,
    );
    expect(api.seen[1]?.body).toEqual({
      model: 'openai/gpt-x',
      price: {
        inputPerMillionUsd: '1.25',
        outputPerMillionUsd: '10',
        maxOutputTokens: 9_000,
        source: 'mail',
        date: new Date().toISOString().slice(0, 10),
      },
      by: 'ada',
      reason: '',
    });
    const wrong = await purser('prices', 'set', 'openai/gpt-x', '--input', '-1');
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('inputPerMillionUsd') as string });
  });

  it('lists prices, also those that are not by the token', async () => {
    const prices = [listed({ tiers: { flex: {} }, longContext: { aboveInputTokens: 272_000 } })];
    api.answers['GET /v1/prices'] = () => [200, { prices, warnings: ['Is a digit wrong?'] }];
    const { out } = await purser('prices', 'list', 'gpt', '--provider', 'openai');
    expect(api.seen[0]?.url).toBe('/v1/prices?provider=openai&model=gpt');
    expect(out).toMatch(/openai\/gpt-x .* dearer above 272000, flex/);
    expect(out).toContain('Is a digit wrong?');
  });

  it('imports a table, and says what of it was taken, changed and skipped', async () => {
    const { price } = listed();
    api.answers['POST /v1/prices/import'] = () => [
      200,
      {
        dryRun: true,
        added: [{ model: 'openai/new', price }],
        changed: [{ model: 'openai/gpt-x', before: price, price: { ...price, outputPerMillionUsd: '8' } }],
        unchanged: 3,
        skipped: [{ why: 'not a row', rows: 7, examples: ['a', 'b'] }],
        warnings: [],
      },
    ];
    await writeFile(join(api.folder, 'table.json'), '{"m": {"litellm_provider": "openai"}}');
    const { code, out } = await purser('prices', 'import', 'table.json', '--provider', 'openai', '--dry-run');
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'new      openai/new  $1.25 / $10.00',
        'changed  openai/gpt-x  $1.25 / $10.00 -> $1.25 / $8.00',
        'skipped  7 rows: not a row (a, b, ...)',
        'Would take 1 new price and 1 change; 3 as before. Nothing was changed: leave out --dry-run to take them.',
        '',
      ].join('\n'),
    );
    expect(api.seen[0]?.body).toMatchObject({
      table: { m: { litellm_provider: 'openai' } },
      providers: { openai: 'openai' },
      dryRun: true,
    });
    expect(await purser('prices', 'import', 'table.json')).toMatchObject({ code: 2 });
    expect(await purser('prices', 'import', 'none.json', '--provider', 'openai')).toMatchObject({ code: 2 });
  });
});

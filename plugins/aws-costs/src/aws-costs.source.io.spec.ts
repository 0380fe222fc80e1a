import type { PluginContext } from '@purser/plugin-sdk';
import { costSourceChecks } from '@purser/plugin-sdk/testing';
import { type CostExplorer, startCostExplorer } from '@purser/testing';
import { AwsCostsSource } from './aws-costs.source.js';
import { AwsCostsConfig } from './config.js';

const SECRETS = { AWS_ACCESS_KEY_ID: 'AKIAPURSERSPEC', AWS_SECRET_ACCESS_KEY: 'spec-secret-spec-secret' };
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const context: PluginContext = {
  logger: quiet,
  secret: (name) => (SECRETS as Record<string, string | undefined>)[name],
  signal: new AbortController().signal,
};
const PERIOD = { from: new Date('2026-11-01'), to: new Date('2026-11-08') };
const never = () => ({ signal: new AbortController().signal });

let aws: CostExplorer;
const source = (config: object = {}) =>
  new AwsCostsSource(context, AwsCostsConfig.parse({ endpoint: aws.url, ...config }));

describe('the conformance checks', () => {
  const checks = costSourceChecks({
    async open() {
      aws = await startCostExplorer({ rowsPerPage: 3, accessKeyId: SECRETS.AWS_ACCESS_KEY_ID });
      return {
        source: source(),
        close: () => aws.stop(),
        books: {
          write: (rows) => aws.bill(rows.map(({ amountUsd, ...row }) => ({ ...row, amount: amountUsd }))),
          inCurrency: (code) => aws.currency(code),
          refuse: () =>
            aws.fail({ status: 400, type: 'AccessDeniedException', message: `${SECRETS.AWS_ACCESS_KEY_ID} may not` }),
          throttleOnce: () =>
            aws.fail({ status: 400, type: 'LimitExceededException', message: 'Too many calls.' }, { times: 1 }),
          breakAfterFirstPage: () =>
            aws.fail({ status: 400, type: 'RequestChangedException', message: 'It changed.' }, { afterPages: 1 }),
          hang: () => aws.hang(),
        },
      };
    },
    rowsOfSeveralPages: 8,
    requestUsd: '0.01',
    secrets: Object.values(SECRETS),
  });
  for (const { name, run } of checks) it(name, run, 15_000);
});

describe('Cost Explorer', () => {
  beforeEach(async () => {
    aws = await startCostExplorer({ rowsPerPage: 2, accessKeyId: SECRETS.AWS_ACCESS_KEY_ID });
  });
  afterEach(() => aws.stop());

  const rows = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ day: '2026-11-04', service: `s${index}`, amount: '1' }));

  it('is asked by day and service, for the metric that is configured, and each page costs a cent', async () => {
    aws.bill(rows(5));
    const reading = await source({ metric: 'NetAmortizedCost' }).read(PERIOD, never());
    expect(reading.costs).toHaveLength(5);
    expect(reading.ownCostUsd).toBe('0.03');
    expect(aws.requests.map(({ body }) => body.NextPageToken)).toEqual([undefined, '2', '4']);
    expect(aws.requests[0]).toMatchObject({
      target: 'AWSInsightsIndexService.GetCostAndUsage',
      body: {
        TimePeriod: { Start: '2026-11-01', End: '2026-11-08' },
        Granularity: 'DAILY',
        Metrics: ['NetAmortizedCost'],
        GroupBy: [{ Type: 'DIMENSION', Key: 'SERVICE' }],
      },
    });
  });

  it('tells amounts with exponents, and which days may still change', async () => {
    aws.bill([
      { day: '2026-11-06', service: 's', amount: '1.2E-7' },
      { day: '2026-10-31', service: 's', amount: '3' },
    ]);
    const { costs } = await source().read({ from: new Date('2026-10-31'), to: new Date('2026-11-08') }, never());
    expect(costs).toMatchObject([
      { amountUsd: '3', finality: 'final', from: new Date('2026-10-31'), to: new Date('2026-11-01') },
      { amountUsd: '0.00000012', finality: 'estimate' },
    ]);
  });

  it('reads projects from a cost allocation tag, and leaves out what it is told to', async () => {
    aws.bill([
      { day: '2026-11-04', service: 's', amount: '1', tag: 'alpha' },
      { day: '2026-11-04', service: 's', amount: '2' },
    ]);
    const { costs } = await source({
      projectTag: 'project',
      leaveOut: ['Credit'],
      accounts: ['123456789012'],
    }).read(PERIOD, never());
    expect(costs.map(({ project, amountUsd }) => [project, amountUsd])).toEqual([
      ['alpha', '1'],
      [undefined, '2'],
    ]);
    expect(new Set(costs.map(({ id }) => id)).size).toBe(2);
    expect(aws.requests[0]?.body.Filter).toEqual({
      And: [
        { Dimensions: { Key: 'LINKED_ACCOUNT', Values: ['123456789012'] } },
        { Not: { Dimensions: { Key: 'RECORD_TYPE', Values: ['Credit'] } } },
      ],
    });
  });

  it('has no unit for nothing, which is no other currency; but an amount without one is refused', async () => {
    aws.bill([{ day: '2026-11-04', service: 's', amount: '0' }]);
    aws.currency('N/A');
    expect((await source().read(PERIOD, never())).costs).toMatchObject([{ amountUsd: '0' }]);
    aws.bill(rows(1));
    aws.currency('N/A');
    await expect(source().read(PERIOD, never())).rejects.toThrow('are in N/A');
  });

  it('is asked again when it throttles, which AWS does not bill', async () => {
    aws.bill(rows(1));
    aws.fail({ status: 400, type: 'LimitExceededException', message: 'Too many calls.' }, { times: 2 });
    const reading = await source().read(PERIOD, never());
    expect(reading).toMatchObject({ costs: [{ amountUsd: '1' }], ownCostUsd: '0.01' });
    expect(aws.requests.map(({ status }) => status)).toEqual([400, 400, 200]);
  });

  it('is given up when it goes on throttling, and when it breaks down half way, at what that cost', async () => {
    aws.bill(rows(5));
    aws.fail({ status: 400, type: 'ThrottlingException', message: 'Rate exceeded' });
    await expect(source().read(PERIOD, never())).rejects.toMatchObject({
      name: 'CostReadingFailed',
      ownCostUsd: '0',
      message: expect.stringContaining('too many requests') as string,
    });
    aws.bill(rows(5));
    aws.fail({ status: 500, type: 'InternalServerError', message: 'oops' }, { afterPages: 1 });
    // A page that was told, and four attempts of which nobody knows whether they were billed.
    await expect(source().read(PERIOD, never())).rejects.toMatchObject({ ownCostUsd: '0.05' });
  }, 20_000);

  it('costs nothing where it cannot even be reached, and what is under way when it is given up', async () => {
    const nowhere = source({ endpoint: 'http://127.0.0.1:9' });
    await expect(nowhere.read(PERIOD, never())).rejects.toMatchObject({ name: 'CostReadingFailed', ownCostUsd: '0' });
    aws.hang();
    const stop = new AbortController();
    const reading = source().read(PERIOD, { signal: stop.signal });
    reading.catch(() => undefined);
    while (aws.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error('the service stops'));
    await expect(reading).rejects.toMatchObject({ name: 'CostReadingFailed', ownCostUsd: '0.01' });
  }, 20_000);

  it.each([
    ['AccessDeniedException', 'ce:GetCostAndUsage'],
    ['ExpiredTokenException', 'log in again'],
    ['DataUnavailableException', 'enable it in the console'],
  ])('says how to mend %s', async (type, remedy) => {
    aws.fail({ status: 400, type, message: 'No.' });
    await expect(source().read(PERIOD, never())).rejects.toThrow(remedy);
  });

  it('says so when its key is unknown', async () => {
    const stranger = { ...context, secret: () => 'AKIASOMEBODYELSE' };
    const reading = new AwsCostsSource(stranger, AwsCostsConfig.parse({ endpoint: aws.url })).read(PERIOD, never());
    await expect(reading).rejects.toThrow('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key that is active');
    await expect(reading).rejects.not.toThrow('AKIASOMEBODYELSE');
  });
});

import { Playground } from '../testing/purser-process.fixture.js';

jest.setTimeout(60_000);

describe('purser up in an emergency', () => {
  let place: Playground;

  beforeEach(async () => {
    place = await Playground.make();
  });

  afterEach(() => place.remove());

  it('is ready also in an emergency that outlived it, and says so', async () => {
    const first = await place.up();
    expect((await place.purser(['emergency', 'trigger', '--by', 'ada', '--reason', 'drill'])).code).toBe(0);
    first.signal('SIGINT');
    await first.end();
    const second = await place.up();
    expect(second.printed).toMatch(/EMERGENCY since .* set by ada: drill\n.*purser emergency reset/);
    expect((await place.purser(['emergency', 'reset', '--by', 'ada', '--reason', 'over'])).code).toBe(0);
    second.signal('SIGINT');
    expect((await second.end()).code).toBe(0);
  });

  it('can be set when Purser was killed and only its servers are left, and holds at the next start', async () => {
    const first = await place.up();
    await first.killGroup();
    const set = await place.purser(['emergency', 'trigger', '--by', 'ada', '--reason', 'nobody is there', '--json']);
    expect(set.code).toBe(0);
    expect(JSON.parse(set.out)).toMatchObject({
      serial: 1,
      active: true,
      reason: 'nobody is there',
      direct: { postgres: 'set', nats: 'set in the bucket and broadcast' },
    });
    const second = await place.up();
    expect(second.printed).toMatch(/EMERGENCY since .* set by ada: nobody is there/);
    second.signal('SIGINT');
    expect((await second.end()).code).toBe(0);
  });
});

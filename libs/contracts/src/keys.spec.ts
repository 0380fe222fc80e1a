import { keysCreate, keysRenew } from './keys.js';

const at = '2030-01-01T00:00:00.000Z';

describe('the end of a key', () => {
  it.each([
    [{}, true],
    [{ expiresAt: at }, true],
    [{ ttlMs: 1 }, true],
    [{ expiresAt: at, ttlMs: 1 }, false],
    [{ ttlMs: 0 }, false],
    [{ ttlMs: 1e12 }, false],
  ])('when it is made may be %j: %s', (ends, fine) => {
    expect(keysCreate.request.safeParse({ name: 'x', ...ends }).success).toBe(fine);
  });

  it.each([
    [{}, false],
    [{ expiresAt: at }, true],
    [{ ttlMs: 60_000 }, true],
    [{ expiresAt: at, ttlMs: 1 }, false],
  ])('when it is renewed may be %j: %s', (ends, fine) => {
    expect(keysRenew.request.safeParse({ ids: ['k'], ...ends }).success).toBe(fine);
  });
});

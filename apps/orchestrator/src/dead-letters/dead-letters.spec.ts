import { diagnosis } from './diagnosis.js';
import { retryId } from './retry-id.js';

describe('the id of a retry', () => {
  it.each([
    ['nightly', 'nightly-r1'],
    ['nightly-r1', 'nightly-r2'],
    ['nightly-r99', 'nightly-r100'],
    ['-r1', '-r1-r1'],
    ['a-r', 'a-r-r1'],
  ])('of %s is %s', (id, retry) => {
    expect(retryId(id)).toBe(retry);
  });

  it('of a long id fits, keeps counting, and is another one for another id', () => {
    const long = 'x'.repeat(63);
    const ids = [`${long}a`, `${long}b`].map((id) => retryId(id));
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(retryId(ids[0] ?? '')).toMatch(/-r2$/);
  });
});

describe('a diagnosis', () => {
  it('says what the failure means, and what a retry does', () => {
    const of = (code: string, checkpoint = true) => diagnosis({ error: { code, message: 'x' }, checkpoint });
    expect(of('poison')).toMatch(/runner died.*goes on from its last checkpoint/);
    expect(of('exit_3', false)).toMatch(/ended with code 3.*begins afresh/);
    expect(of('signal_SIGSEGV')).toMatch(/ended by SIGSEGV/);
    expect(of('something_new')).toMatch(/as many retries/);
  });
});

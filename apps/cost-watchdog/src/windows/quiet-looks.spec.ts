import { QuietLooks } from './quiet-looks.js';
import type { WindowChanges } from './window-changes.js';

let changes: { count: number };
let made: number;
let quiet: boolean;
let looks: QuietLooks;

beforeEach(async () => {
  changes = { count: 0 };
  made = 0;
  quiet = true;
  looks = new QuietLooks(changes as WindowChanges, 3, () => {
    made++;
    return Promise.resolve(quiet);
  });
  await looks.next();
  made = 0;
});

async function next(times: number): Promise<number> {
  for (let i = 0; i < times; i++) await looks.next();
  return made;
}

it('are left out while nothing changes, but for every third', async () => {
  expect(await next(2)).toBe(0);
  expect(await next(1)).toBe(1);
  expect(await next(3)).toBe(2);
});

it('are made after each change', async () => {
  changes.count++;
  expect(await next(2)).toBe(1);
});

it('are all made while there is something to come back for', async () => {
  quiet = false;
  changes.count++;
  expect(await next(4)).toBe(4);
});

it('are made again after one that failed', async () => {
  changes.count++;
  const failing = new QuietLooks(changes as WindowChanges, 3, () => Promise.reject(new Error('no database')));
  await expect(failing.next()).rejects.toThrow('no database');
  await expect(failing.next()).rejects.toThrow('no database');
});

it('are made again when something changed while one was made', async () => {
  changes.count++;
  const during = new QuietLooks(changes as WindowChanges, 3, () => {
    made++;
    changes.count++;
    return Promise.resolve(true);
  });
  await during.next();
  await during.next();
  expect(made).toBe(2);
});

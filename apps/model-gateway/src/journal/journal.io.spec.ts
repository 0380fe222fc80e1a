import fs, { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Spend } from '@purser/contracts';
import { Journal } from './journal.js';
import type { HeldCall } from './records.js';
import { takeSlot } from './slot.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'purser-journal-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const held = (attemptId: string): HeldCall => ({
  attemptId,
  callId: 'call-1',
  gateway: 'gw',
  provider: 'p',
  model: 'm',
  tier: 't',
  capability: null,
  key: 'k',
  project: null,
  task: null,
  session: null,
  holdUsd: '0.50',
  windows: ['w1', 'w2'],
  priceRow: 'prices.json:p/m@2026-11-01',
  usageAt: '2026-11-23T10:00:00.000Z',
});
const spent = (attemptId: string, amountUsd: string): Spend => ({
  ...held(attemptId),
  amountUsd,
  inputTokens: 1,
  outputTokens: 2,
  cachedTokens: 0,
  finality: 'final',
  outcome: 'ok',
  latencyMs: 3,
});
const open = (boot: string | null = 'boot-1', id = 'gw') =>
  Journal.open(home, { newGatewayId: () => id, boot: boot ?? undefined });
const file = () => join(home, 'journal.log');
/** What was settled is written within moments. */
const written = () => new Promise((resolve) => setTimeout(resolve, 10));
const ids = (all: { attemptId: string }[]) => all.map(({ attemptId }) => attemptId);

it('reads journals that were written before calls named their prices', async () => {
  const before = open();
  before.held(held('a'));
  before.settled(spent('b', '0.20'));
  await written();
  const old = readFileSync(file(), 'utf8').replaceAll(/,"priceRow":"[^"]*"/g, '');
  expect(old).not.toContain('priceRow');
  writeFileSync(file(), old);
  const after = open();
  expect([...after.inFlight, ...after.unsent].map(({ attemptId, priceRow }) => [attemptId, priceRow])).toEqual([
    ['a', null],
    ['b', null],
  ]);
});

it('knows after a sudden end what was in flight, what was not sent, and what was consumed', () => {
  const before = open();
  before.held(held('a'));
  before.held(held('b'));
  before.settled(spent('b', '0.20'));
  before.settled(spent('c', '0.90'));
  before.sent('c');
  before.returned('w1', 70n);
  const after = open();
  expect(after.gateway).toBe('gw');
  expect(ids(after.inFlight)).toEqual(['a']);
  // "c" was sent, but nothing said so in the file: sending it again changes nothing.
  expect(ids(after.unsent)).toEqual(['b', 'c']);
  expect([...after.totals]).toEqual([
    ['w1', { returned: 70n, consumed: 700_000_000n }],
    ['w2', { returned: 0n, consumed: 700_000_000n }],
  ]);
});

it('charges the hold of a call when it is killed in the moment before the settlement is written', async () => {
  const before = open();
  before.held(held('a'));
  before.settled(spent('a', '0.20'));
  const after = open();
  expect([ids(after.inFlight), after.unsent]).toEqual([['a'], []]);
  await written();
});

it('keeps its totals through any number of starts', async () => {
  let journal = open();
  journal.settled(spent('a', '0.10'));
  await written();
  for (let start = 0; start < 3; start++) journal = open();
  expect(journal.totals.get('w1')).toEqual({ returned: 0n, consumed: 100_000_000n });
  expect(ids(journal.unsent)).toEqual(['a']);
});

it('overlooks a last line that was torn off, wherever', () => {
  const journal = open();
  journal.held(held('a'));
  const whole = readFileSync(file(), 'utf8');
  journal.held(held('b'));
  const line = readFileSync(file(), 'utf8').slice(whole.length);
  for (let cut = 0; cut < line.length - 1; cut += 7) {
    writeFileSync(file(), whole + line.slice(0, cut));
    expect(ids(open().inFlight)).toEqual(['a']);
  }
  writeFileSync(file(), whole + line.trimEnd());
  expect(ids(open().inFlight)).toEqual(['a', 'b']);
});

it('drops what is done when the file has grown', async () => {
  const journal = open();
  journal.held(held('stays'));
  for (let call = 0; call < 4_000; call++) {
    journal.held(held(`x${call}`));
    journal.settled(spent(`x${call}`, '0.01'));
    journal.sent(`x${call}`);
  }
  await written();
  expect(statSync(file()).size).toBeLessThan(1_100_000);
  const after = open();
  expect(ids(after.inFlight)).toEqual(['stays']);
  expect(after.totals.get('w2')?.consumed).toBe(40_000_000_000n);
  for (const { attemptId } of after.unsent) after.sent(attemptId);
  after.close();
  expect(statSync(file()).size).toBeLessThan(1_000);
});

describe('when the machine went down', () => {
  it('begins under a new name, and still tells what it knows of the old one', async () => {
    const before = open();
    before.held(held('a'));
    before.settled(spent('b', '0.20'));
    before.returned('w1', 70n);
    const after = open('boot-2', 'gw-2');
    expect([after.gateway, after.abandoned]).toEqual(['gw-2', 'gw']);
    // Nothing of the old leases is taken up, also not when the old calls are settled.
    expect(after.totals.size).toBe(0);
    expect(after.inFlight).toEqual([held('a')]);
    expect(after.unsent).toEqual([spent('b', '0.20')]);
    after.settled(spent('a', '0.50'));
    after.settled({ ...spent('c', '0.30'), gateway: 'gw-2' });
    await written();
    const again = open('boot-2', 'gw-3');
    expect([again.gateway, again.abandoned]).toEqual(['gw-2', undefined]);
    expect(ids(again.unsent)).toEqual(['b', 'a', 'c']);
    expect([...again.totals]).toEqual([
      ['w1', { returned: 0n, consumed: 300_000_000n }],
      ['w2', { returned: 0n, consumed: 300_000_000n }],
    ]);
  });

  it('cannot be told: then it may have', () => {
    open();
    expect(open(null, 'gw-2').gateway).toBe('gw-2');
    expect(open(null, 'gw-3').gateway).toBe('gw-3');
  });

  it('after a graceful stop, nothing was lost', () => {
    const before = open();
    before.settled(spent('a', '0.20'));
    before.close();
    const after = open('boot-2', 'gw-2');
    expect([after.gateway, after.abandoned, after.totals.get('w1')?.consumed]).toEqual(['gw', undefined, 200_000_000n]);
    // Only that stop counts: this run was not closed.
    expect(open('boot-3', 'gw-3').gateway).toBe('gw-3');
  });

  it('has everything on the disk before a file takes the place of another', () => {
    const done: string[] = [];
    const sync = jest.spyOn(fs, 'fsyncSync').mockImplementation(() => void done.push('synced'));
    const rename = jest.spyOn(fs, 'renameSync').mockImplementation(() => void done.push('renamed'));
    try {
      open();
      expect(done).toEqual(['synced', 'renamed', 'synced']);
    } finally {
      sync.mockRestore();
      rename.mockRestore();
    }
  });
});

describe('on a full disk', () => {
  let room: number;
  /** As a disk does it: what still fits is taken, without an error. */
  const withRoom = (bytes: number, work: () => void) => {
    const real = fs.writeSync.bind(fs) as (file: number, data: Buffer, at: number, length: number) => number;
    room = bytes;
    const spy = jest.spyOn(fs, 'writeSync').mockImplementation(((
      file: number,
      data: Buffer,
      at: number,
      length: number,
    ) => {
      if (room === 0) throw new Error('ENOSPC: no space left on device, write');
      const fits = Math.min(room, length);
      room -= fits;
      return real(file, data, at, fits);
    }) as typeof fs.writeSync);
    try {
      work();
    } finally {
      spy.mockRestore();
    }
  };

  it.each([0, 1, 100, 'all but one'] as const)('refuses a hold of which only %s bytes fit', (fits) => {
    const journal = open();
    journal.held(held('a'));
    const length = Buffer.byteLength(`${JSON.stringify({ t: 'hold', call: held('b') })}\n`);
    withRoom(fits === 'all but one' ? length - 1 : fits, () => expect(() => journal.held(held('b'))).toThrow('ENOSPC'));
    expect(ids(open().inFlight)).toEqual(['a']);
  });

  it('loses nothing that is written when there is room again', () => {
    const journal = open();
    journal.held(held('a'));
    journal.held(held('b'));
    withRoom(100, () => {
      journal.settled(spent('a', '0.20'));
      expect(() => journal.returned('w1', 70n)).toThrow('ENOSPC');
      expect(() => journal.held(held('c'))).toThrow('ENOSPC');
      // What was settled counts; what was to be written first does not.
      expect([ids(journal.inFlight), journal.totals.get('w1')]).toEqual([
        ['b'],
        { returned: 0n, consumed: 200_000_000n },
      ]);
    });
    journal.held(held('d'));
    const after = open();
    expect([ids(after.inFlight), ids(after.unsent)]).toEqual([['b', 'd'], ['a']]);
  });

  it('keeps the old file when a new one does not fit, also at a stop', () => {
    const journal = open();
    journal.held(held('a'));
    const before = readFileSync(file(), 'utf8');
    withRoom(50, () => journal.close());
    expect(readFileSync(file(), 'utf8')).toBe(before);
    withRoom(50, () => expect(() => open()).toThrow('ENOSPC'));
    withRoom(50, () => expect(() => takeSlot(home)).toThrow('ENOSPC'));
    expect(fs.readdirSync(home).sort()).toEqual(['gateway', 'journal.log']);
    expect(ids(open().inFlight)).toEqual(['a']);
  });
});

describe('slots', () => {
  it('gives each gateway of a home its own, and the same one again after it left', () => {
    const first = takeSlot(home);
    const second = takeSlot(home);
    expect([first.number, second.number]).toEqual([0, 1]);
    expect(second.journal.gateway).not.toBe(first.journal.gateway);
    expect(first.journal.gateway).toMatch(/^gateway-[A-Za-z0-9_-]+$/);
    first.release();
    const third = takeSlot(home);
    expect([third.number, third.journal.gateway]).toEqual([0, first.journal.gateway]);
    second.release();
    third.release();
  });

  it('sets a damaged journal aside and begins under another name', () => {
    const before = takeSlot(home);
    before.release();
    const journal = join(home, 'gateway', '0', 'journal.log');
    appendFileSync(journal, 'not a record\n{"t":"return"');
    const after = takeSlot(home);
    expect(after.damage?.message).toMatch(/line \d+ of the journal cannot be read/);
    expect(after.journal.gateway).not.toBe(before.journal.gateway);
    after.release();
  });
});

import fs, { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldWriter } from './hold-writer.js';
import { Journal } from './journal.js';
import type { HeldCall } from './records.js';

let home: string;
let journal: Journal;
let writer: HoldWriter;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'purser-holds-'));
  journal = open();
  writer = new HoldWriter(journal);
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(home, { recursive: true });
});

const open = () => Journal.open(home, { newGatewayId: () => 'gw', boot: 'boot-1' });
const call = (attemptId: string): HeldCall => ({
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
  windows: ['w1'],
  priceRow: null,
  usageAt: '2026-11-23T10:00:00.000Z',
});
const ids = (all: { attemptId: string }[]) => all.map(({ attemptId }) => attemptId);

it('has a hold on file before its call may be made', async () => {
  const written = writer.write(call('a'));
  const file = join(home, 'journal.log');
  expect(readFileSync(file, 'utf8')).not.toContain('"hold"');
  await written;
  expect(readFileSync(file, 'utf8')).toContain('"hold"');
  expect(ids(open().inFlight)).toEqual(['a']);
});

it('writes those that come together at once, in order, and later ones by themselves', async () => {
  const write = jest.spyOn(fs, 'writeSync');
  await Promise.all(['a', 'b', 'c'].map((id) => writer.write(call(id))));
  expect(write).toHaveBeenCalledTimes(1);
  await writer.write(call('d'));
  expect(write).toHaveBeenCalledTimes(2);
  expect(ids(open().inFlight)).toEqual(['a', 'b', 'c', 'd']);
});

/** The disk takes the first line and half of the next one, and nothing from then on. */
function fillUp() {
  const { writeSync } = fs;
  const full = jest.spyOn(fs, 'writeSync').mockImplementation(() => {
    throw new Error('ENOSPC: no space left on device, write');
  });
  full.mockImplementationOnce(((file: number, bytes: Buffer, at: number, length: number) =>
    writeSync(file, bytes, at, Math.floor(length * 0.75))) as typeof fs.writeSync);
  return full;
}

it('leaves nothing of a write that broke off half way', async () => {
  await writer.write(call('before'));
  const full = fillUp();
  const refused = await Promise.allSettled(['a', 'b'].map((id) => writer.write(call(id))));
  expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(full).toHaveBeenCalledTimes(2);
  full.mockRestore();
  expect([ids(journal.inFlight), ids(open().inFlight)]).toEqual([['before'], ['before']]);
});

it('gets rid of what such a write left, where it could not be cut off, with the next one', async () => {
  const full = fillUp();
  const stuck = jest.spyOn(fs, 'ftruncateSync').mockImplementation(() => {
    throw new Error('EIO: i/o error, ftruncate');
  });
  const refused = await Promise.allSettled(['a', 'b'].map((id) => writer.write(call(id))));
  expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(readFileSync(join(home, 'journal.log'), 'utf8')).toContain('"attemptId":"a"');
  full.mockRestore();
  stuck.mockRestore();
  await writer.write(call('c'));
  expect([ids(journal.inFlight), ids(open().inFlight)]).toEqual([['c'], ['c']]);
});

it('lets none of the calls be made when they cannot be written, and the next ones when they can', async () => {
  const full = jest.spyOn(fs, 'writeSync').mockImplementation(() => {
    throw new Error('ENOSPC: no space left on device, write');
  });
  const refused = await Promise.allSettled(['a', 'b'].map((id) => writer.write(call(id))));
  expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  full.mockRestore();
  await writer.write(call('c'));
  expect([ids(journal.inFlight), ids(open().inFlight)]).toEqual([['c'], ['c']]);
});

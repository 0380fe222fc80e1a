import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sentBytes } from './traffic.js';

let proc: string;

const device = (name: string, sent: number) => `${name.padStart(6)}: 500 5 0 0 0 0 0 0 ${sent} 7 0 0 0 0 0 0\n`;
const DEVICES = [
  'Inter-|   Receive |  Transmit\n',
  device('lo', 9_000),
  device('eth0', 1_234),
  device('docker0', 77),
].join('');
const route = (name: string, to: string, mask: string) => `${name}\t${to}\t010200C0\t0003\t0\t0\t0\t${mask}\t0\t0\t0\n`;
const ROUTES = `Iface\tDestination\n${route('docker0', '000011AC', '0000FFFF')}${route('eth0', '00000000', '00000000')}`;
const NONE = '0'.repeat(32);
const route6 = (name: string, to: string, bits: string) =>
  `${to} ${bits} ${NONE} 00 ${NONE} 00000400 00000003 00000000 00000003 ${name.padStart(8)}\n`;

const put = (files: Record<string, string>) =>
  Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(proc, name), text)));

beforeEach(async () => {
  proc = await mkdtemp(join(tmpdir(), 'purser-proc-'));
  await mkdir(join(proc, 'net'));
  await mkdir(join(proc, 'self/ns'), { recursive: true });
  await mkdir(join(proc, 'sys/kernel/random'), { recursive: true });
  await symlink('net:[4026531840]', join(proc, 'self/ns/net'));
  await put({ 'net/dev': DEVICES, 'net/route': ROUTES, 'sys/kernel/random/boot_id': 'b00t\n' });
});
afterEach(() => rm(proc, { recursive: true }));

it('counts what went by the way out, and says of which start of which network', async () => {
  expect(await sentBytes(proc)).toEqual({ counter: 'b00t net:[4026531840]', bytes: 1_234 });
});

it('counts a way out that is one of IPv6 alone, and no other one', async () => {
  await put({
    'net/route': '',
    'net/ipv6_route':
      route6('docker0', 'fd'.padEnd(32, '0'), '40') + route6('eth0', NONE, '00') + route6('lo', NONE, '00'),
  });
  expect((await sentBytes(proc))?.bytes).toBe(1_234);
});

it('counts all that is not the machine itself where no way leads out', async () => {
  await rm(join(proc, 'net/route'));
  expect((await sentBytes(proc))?.bytes).toBe(1_311);
});

it('counts nothing where nobody tells', async () => {
  expect(await sentBytes(join(proc, 'nowhere'))).toBeNull();
});

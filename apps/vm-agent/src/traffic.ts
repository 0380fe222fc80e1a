import { readFile, readlink } from 'node:fs/promises';
import type { SentBytes } from '@purser/contracts';

/**
 * What left this network by the way that leads out, whoever sent it; where no way does, by any. Null where nobody counts,
 * as on systems without /proc.
 */
export async function sentBytes(proc = '/proc'): Promise<SentBytes | null> {
  const read = (path: string) => readFile(`${proc}/${path}`, 'utf8').catch(() => '');
  const [devices, routes, routes6, boot, space] = await Promise.all([
    read('net/dev'),
    read('net/route'),
    read('net/ipv6_route'),
    read('sys/kernel/random/boot_id'),
    readlink(`${proc}/self/ns/net`).catch(() => ''),
  ]);
  const sent = new Map([...devices.matchAll(DEVICE)].map(([, name = '', bytes]) => [name, Number(bytes)]));
  sent.delete('lo');
  if (sent.size === 0) return null;
  const outward = [...routes.matchAll(DEFAULT_ROUTE), ...routes6.matchAll(DEFAULT_ROUTE_6)].map(
    ([, name = '']) => name,
  );
  const counted = [...new Set(outward)].filter((name) => sent.has(name));
  const names = counted.length > 0 ? counted : [...sent.keys()];
  const bytes = names.reduce((sum, name) => sum + (sent.get(name) ?? 0), 0);
  return { counter: `${boot.trim()} ${space}`.trim() || 'one', bytes };
}

/** Of a line of /proc/net/dev: the name, eight figures of what came, and the bytes that went. */
const DEVICE = /^\s*([^\s:]+):(?:\s*\d+){8}\s+(\d+)/gm;
/** Destination and mask are nothing. */
const DEFAULT_ROUTE = /^(\S+)\t00000000\t(?:\S+\t){5}00000000\t/gm;
const DEFAULT_ROUTE_6 = /^0{32} 00 .* (\S+)$/gm;

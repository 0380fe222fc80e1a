import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

/** The column of /proc/net/tcp that holds the user of a socket. */
const UID_COLUMN = 7;

/** As the table has it: the bytes of an address in the machine's order, which is little-endian wherever Node runs. */
function inTable(address: string, port: number): string | undefined {
  const digits = port.toString(16).toUpperCase().padStart(4, '0');
  const v4 = /^(?:::ffff:)?127\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const hex = (byte: string | number) => Number(byte).toString(16).toUpperCase().padStart(2, '0');
  if (v4) return `${[v4[3]!, v4[2]!, v4[1]!, 127].map(hex).join('')}:${digits}`;
  return address === '::1' ? `00000000000000000000000001000000:${digits}` : undefined;
}

/**
 * The user whose process is at the other end of a connection within this machine. Undefined where that cannot be told: it
 * comes over a network, as from a container, or the system has no such table.
 */
export async function peerUser({ remoteAddress, remotePort }: Socket): Promise<number | undefined> {
  if (process.platform !== 'linux' || remoteAddress === undefined || remotePort === undefined) return undefined;
  const wanted = inTable(remoteAddress, remotePort);
  if (wanted === undefined) return undefined;
  // A socket for both versions of IP has its IPv4 connections in the other table, under a mapped address.
  for (const [file, name] of [
    ['/proc/net/tcp', wanted],
    ['/proc/net/tcp6', wanted.length > 13 ? wanted : `0000000000000000FFFF0000${wanted}`],
  ] as const) {
    const table = await readFile(file, 'latin1').catch(() => '');
    const columns = table
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .find((line) => line[1] === name);
    if (columns) return Number(columns[UID_COLUMN]);
  }
  return undefined;
}

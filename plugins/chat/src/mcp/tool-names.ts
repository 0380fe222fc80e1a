import { createHash } from 'node:crypto';

/** What providers take as the name of a tool. */
const MOST = 64;

/** `server__tool`, of the characters and the length that providers take; no two tools get the same. */
export function toolName(server: string, tool: string, taken: ReadonlySet<string>): string {
  const plain = `${server}__${tool.replaceAll(/[^A-Za-z0-9_-]/g, '_')}`;
  if (plain.length <= MOST && !taken.has(plain)) return plain;
  const hash = createHash('sha256').update(`${server}\0${tool}`).digest('hex').slice(0, 8);
  return `${plain.slice(0, MOST - hash.length - 1)}_${hash}`;
}

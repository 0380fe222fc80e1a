import { createHash, timingSafeEqual } from 'node:crypto';
import { PurserError } from '@purser/contracts';
import type { FastifyRequest } from 'fastify';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The key that a request carries, if any. */
export const bearerOf = ({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined =>
  /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];

/** Throws unless a request carries the admin key. Digests are compared, in constant time, so that lengths tell nothing either. */
export function keyCheck(key: string, file: string): (request: Pick<FastifyRequest, 'headers'>) => void {
  const right = digest(key);
  return (request) => {
    const given = bearerOf(request);
    if (given !== undefined && timingSafeEqual(digest(given), right)) return;
    throw new PurserError('unauthorized', {
      message: `${given === undefined ? 'no key was sent' : 'this is not the admin key'}; send "Authorization: Bearer <key>" with the key that is in ${file} (\`purser key\` prints it, in a clone \`npm run --silent purser key\`)`,
    });
  };
}

import { PurserError } from '@purser/contracts';
import type { Config } from '../config.js';

/** @throws PurserError `unavailable` where nobody has said how VMs reach the bus */
export function publicNatsUrl({ PURSER_PUBLIC_NATS_URL: url }: Pick<Config, 'PURSER_PUBLIC_NATS_URL'>): string {
  if (url !== undefined) return url;
  throw new PurserError('unavailable', {
    message:
      'VMs could not reach the bus: set PURSER_PUBLIC_NATS_URL to an address of it that they reach, such as ' +
      '"tls://nats.example.com:4222", or "nats://host.docker.internal:4222" for containers of this machine',
  });
}

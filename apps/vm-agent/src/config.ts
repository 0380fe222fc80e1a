import { ComponentName, Id, VM_FOLDER } from '@purser/contracts';
import { z } from 'zod';

const whole = (least: number, standard: number) => z.coerce.number().int().min(least).default(standard);
const address = (standard: string) => z.url({ protocol: /^https?$/ }).default(standard);

/** All of an agent's settings come with its VM. */
export const Config = z.object({
  PURSER_VM_ID: Id,
  PURSER_VM_COMPONENT: ComponentName,
  /** `nats://` or `tls://`, with the user and password of this VM alone. */
  PURSER_NATS_URL: z.string().regex(/^(nats|tls):\/\/[^:@/]+:[^@/]+@[^@/]+$/, 'nats://user:password@host:4222'),
  /** Left out where the VM is a session's. */
  PURSER_VM_COMPONENT_URL: z.url({ protocol: /^http$/ }).optional(),
  /** What is shared with the program of a session. */
  PURSER_VM_FOLDER: z.string().startsWith('/').default(VM_FOLDER),
  PURSER_VM_HEALTH_PATH: z.string().startsWith('/').default('/'),
  /** How long a request of the component may take. */
  PURSER_VM_REQUEST_SECONDS: whole(1, 300),
  PURSER_VM_HEARTBEAT_MS: whole(50, 5_000),
  /** Nobody has answered for so long: there is nobody left who would end this VM. */
  PURSER_VM_SILENCE_SECONDS: whole(1, 600),
  /** Unix seconds after which it ends in any case. */
  PURSER_VM_EXPIRES: z.coerce.number().int().positive(),
  /** What leaves the VM is paid for so far; nothing said: it costs nothing. */
  PURSER_VM_EGRESS_BYTES: z.coerce.number().positive().default(Infinity),
  /** How it ends: `docker` by the end of this process, `gcp` by deleting its own instance. */
  PURSER_VM_PLATFORM: z.enum(['docker', 'gcp']).default('docker'),
  PURSER_METADATA_URL: address('http://metadata.google.internal'),
  PURSER_COMPUTE_URL: address('https://compute.googleapis.com'),
});
export type Config = z.output<typeof Config>;

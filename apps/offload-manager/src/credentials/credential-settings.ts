import { wholeBetween } from '@purser/service';
import { z } from 'zod';

const seconds = (least: number, most: number, standard: number) =>
  wholeBetween(least, most, `a number of seconds from ${least} to ${most} such as ${standard}`).default(standard);

/** What VMs are told, and how they become users of the bus. */
export const credentialSettings = {
  /** Where VMs reach the bus, without a user: each has its own. */
  PURSER_PUBLIC_NATS_URL: z
    .string()
    .regex(/^(nats|tls):\/\/[^@/,\s]+:\d{1,5}$/, 'an address that VMs reach, such as "tls://nats.example.com:4222"')
    .optional(),
  /** The file of guests that the bus's server follows. `npm start` and compose set it. */
  PURSER_VM_NATS_USERS_FILE: z.string().min(1).optional(),
  /** Purser's own image, which holds the agent. */
  PURSER_VM_AGENT_IMAGE: z.string().min(1).default('purser:local'),
  /** A VM ends by itself when nobody has answered its agent for so long. */
  PURSER_VM_SILENCE_SECONDS: seconds(10, 86_400, 600),
  PURSER_VM_HEARTBEAT_MS: wholeBetween(50, 60_000, 'milliseconds from 50 to 60000 such as 5000').default(5_000),
};

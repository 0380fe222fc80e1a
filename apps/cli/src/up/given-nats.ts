import { PurserError } from '@purser/contracts';
import { inspectServer } from '@purser/bus';

/** Inputs of 4 MiB and results of 2 MiB travel in one message, with what belongs to them. */
const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

export interface GivenNats {
  /** Set when it cannot be used at all. */
  problem?: { what: string; remedy: string };
  /** Set when it can be used within bounds. */
  warning?: { what: string; remedy: string };
}

/** Whether somebody's own NATS is fit for us. Throws `unavailable` when it cannot be reached. */
export async function lookAtGivenNats(url: string, connectTimeoutMs?: number): Promise<GivenNats> {
  const { jetstream, maxPayloadBytes } = await inspectServer(url, connectTimeoutMs);
  if (!jetstream) {
    return {
      problem: {
        what: 'JetStream is off on the NATS that PURSER_NATS_URL names; without it no task, alert or dead letter can be kept',
        remedy: 'Put `jetstream {}` into its configuration (or start it with -js) and restart it.',
      },
    };
  }
  if (maxPayloadBytes >= MAX_PAYLOAD_BYTES) return {};
  return {
    warning: {
      what: `max_payload is ${maxPayloadBytes} bytes on the NATS that PURSER_NATS_URL names; larger inputs, requests and results are refused (payload_too_large)`,
      remedy: `Put \`max_payload: ${MAX_PAYLOAD_BYTES}\` into its configuration and restart it.`,
    },
  };
}

/** For a start: refuses what cannot be used, and says what is bounded. */
export async function requireGivenNats(url: string, say: (message: string) => void): Promise<void> {
  const { problem, warning } = await lookAtGivenNats(url);
  if (problem) throw new PurserError('unavailable', { message: `${problem.what}.\n${problem.remedy}` });
  if (warning) say(`Warning: ${warning.what}. ${warning.remedy}`);
}

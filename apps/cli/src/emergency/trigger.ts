import { emergencyTrigger, isPurserError, type Latch, PurserError } from '@purser/contracts';
import { triggerDirectly } from '@purser/cost-watchdog';
import type { ControlApi } from '../api/control-api.js';
import type { Terminal } from '../terminal.js';
import { watchdogAccess } from './watchdog-access.js';

/** In an emergency nobody waits half a minute for an answer. */
const ANSWER_MS = 10_000;

export interface Triggered {
  latch: Latch;
  /** What was done past the watchdog, when it did not answer. */
  direct?: { why: string; postgres: string; nats: string };
}

/** By the watchdog; when none answers, straight in its stores. */
export async function triggerEmergency(
  api: () => ControlApi,
  terminal: Pick<Terminal, 'env' | 'cwd'>,
  decision: { by: string; reason: string },
): Promise<Triggered> {
  try {
    return { latch: await api().call(emergencyTrigger, decision, AbortSignal.timeout(ANSWER_MS)) };
  } catch (error) {
    if (!isPurserError(error) || !unanswered(error)) throw error;
    const why = error.message.split('\n', 1)[0] ?? '';
    const access = await watchdogAccess(terminal);
    const { latch, postgres, nats } = await triggerDirectly(decision, access, new Date()).catch((cause: unknown) => {
      throw isPurserError(cause) ? new PurserError(cause.code, { message: `${why}\n${cause.message}`, cause }) : cause;
    });
    return { latch, direct: { why, postgres, nats } };
  }
}

/** Also without an admin key that could be shown: whoever can read the watchdog's own secrets may do what it may. */
const unanswered = ({ code }: PurserError): boolean => ['unavailable', 'timeout', 'unauthorized'].includes(code);

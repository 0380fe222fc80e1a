import { setTimeout as pause } from 'node:timers/promises';
import { patiently, TryAgain } from '@purser/plugin-sdk';
import type { AuthClient } from 'google-auth-library';
import { z } from 'zod';
import { brief, type Fault, isBusy, reasonOf, Refused } from './failures.js';
import type { Sdk, Service } from './sdk.js';

const Operation = z.object({
  name: z.string(),
  status: z.unknown().optional(),
  error: z
    .object({ errors: z.array(z.object({ code: z.string().default('UNKNOWN'), message: z.string().default('') })) })
    .nullish(),
});
export type Operation = z.output<typeof Operation>;

const Page = z.object({
  items: z.unknown().optional(),
  nextPageToken: z.string().nullish(),
  unreachables: z.unknown().optional(),
});

const ANSWER_WITHIN_MS = 30_000;
const LONGEST_PAUSE_MS = 2_000;
const MOST_PAGES = 1000;

/** Of a socket that did not even reach it. */
const NOT_REACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** How Google's client and its token endpoint say that a credential is no good. */
const NO_CREDENTIAL = /default credentials|private key|DECODER|invalid_grant|invalid_client|unauthorized_client/i;

/** Nobody knows whether it was done: an answer was lost, or was that something went wrong. */
export class Uncertain extends Error {
  override readonly name = 'Uncertain';
}

/** Nothing was done, and a later attempt may go well. */
export class NotDone extends Error {
  override readonly name = 'NotDone';
}

/** Requests by Google's clients, repeated here, where waiting can be given up, and judged by what is known of their end. */
export class Api {
  constructor(
    private readonly sdk: Sdk,
    private readonly auth: AuthClient,
    private readonly endpoint: string,
  ) {}

  /**
   * The resource that is answered. Every request may be repeated, those that change something by their `requestId`.
   * @throws Refused when Google says no, NotDone when it could not be asked; each only where no attempt can have been taken
   */
  async ask(service: Service, method: string, request: object, signal: AbortSignal): Promise<unknown> {
    let certain = true;
    try {
      return await patiently(async (attempt) => {
        try {
          return await this.once(service, method, request, attempt);
        } catch (error) {
          attempt.throwIfAborted();
          const judged = this.judged(error as Fault, `${service}.${method}`);
          certain &&= !(judged instanceof TryAgain) || judged.cause !== undefined;
          throw judged;
        }
      }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!certain) throw new Uncertain((error as Error).message);
      throw error instanceof Refused ? error : new NotDone((error as Error).message);
    }
  }

  /** All pages of a list, each as it is. */
  async pages(service: Service, method: string, request: object, signal: AbortSignal): Promise<unknown[]> {
    const pages: unknown[] = [];
    let pageToken: string | undefined;
    do {
      const asked = { ...request, ...(pageToken === undefined ? {} : { pageToken }) };
      const page = Page.parse(await this.ask(service, method, asked, signal));
      if (Array.isArray(page.unreachables) && page.unreachables.length > 0)
        throw new Error(`Google could not look everywhere: ${page.unreachables.map(String).join(', ')}`);
      pages.push(page.items);
      pageToken = page.nextPageToken || undefined;
    } while (pageToken !== undefined && pages.length < MOST_PAGES);
    if (pageToken !== undefined) throw new Error(`the pages of ${service} never end`);
    return pages;
  }

  /** An operation that was begun, when it is done, or undefined where nobody remembers it. */
  async done(
    begun: unknown,
    where: { project: string } & ({ zone: string } | { region: string }),
    signal: AbortSignal,
  ): Promise<Operation | undefined> {
    let operation: Operation | undefined = Operation.parse(begun);
    const service = 'zone' in where ? 'zone_operations' : 'region_operations';
    const { name } = operation;
    for (let wait = 50; operation && !isDone(operation); wait = Math.min(wait * 1.5, LONGEST_PAUSE_MS)) {
      await pause(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
      operation = await this.ask(service, 'get', { ...where, operation: name }, signal)
        .then((told) => Operation.parse(told))
        .catch((error: unknown) => {
          if (error instanceof Refused && error.status === 404) return undefined;
          throw error;
        });
    }
    return operation;
  }

  private async once(service: Service, method: string, request: object, signal: AbortSignal): Promise<unknown> {
    const call = await this.sdk.call(service, method);
    signal.throwIfAborted();
    const asking = call(request, { retry: null, timeout: ANSWER_WITHIN_MS, autoPaginate: false });
    const stop = () => asking.cancel();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const answers = await asking;
      return answers[2] ?? answers[0];
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private judged(fault: Fault, what: string): Error {
    const token = this.auth.credentials.access_token;
    const said = brief(token ? fault.message.replaceAll(token, '[secret]') : fault.message);
    const status = typeof fault.httpStatusCode === 'number' ? fault.httpStatusCode : undefined;
    if (NO_CREDENTIAL.test(said)) return new Refused(401, 'authError', `Google gives no token: ${said}`);
    const told = `Compute Engine at ${this.endpoint} (${what})`;
    if (status !== undefined) {
      const reason = reasonOf(fault);
      const refused = new Refused(status, reason, `${told} answered with status ${status}: ${said}`);
      if (!isBusy(status, reason)) return refused;
      return new TryAgain(refused.message, undefined, { cause: status < 500 ? refused : undefined });
    }
    // A socket's own, a deadline's, or a token that could not be had.
    const unreached = codesOf(fault).some((code) => NOT_REACHED.has(code));
    return new TryAgain(`${told}: ${said}`, undefined, { cause: unreached ? new NotDone(said) : undefined });
  }
}

const isDone = ({ status }: Operation): boolean => status === 'DONE';

/** Of an error and of all that caused it. */
function codesOf(fault: unknown): string[] {
  const codes: string[] = [];
  let one = fault as { code?: unknown; cause?: unknown } | undefined;
  for (; one && codes.length < 10; one = one.cause as typeof one) codes.push(String(one.code));
  return codes;
}

import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { Notice, Notifier } from '../notifier.js';
import { type ConformanceCheck, within } from './check.js';

export interface NotifierSubject {
  /** One whose other side takes what it is sent. */
  create(): Notifier | Promise<Notifier>;
  /** One whose other side is not there. */
  unreachable(): Notifier | Promise<Notifier>;
  /** One whose other side does not let it in, and says with what it tried. */
  refused?: () => Notifier | Promise<Notifier>;
  /** What may stand in no error. */
  secrets: readonly string[];
}

const patience = 15_000;
let last = 0;

function notice(more: Partial<Notice> = {}): Notice {
  last += 1;
  return {
    id: `check-${process.pid}-${last}`,
    fingerprint: `check/${process.pid}-${last}`,
    state: 'firing',
    severity: 'warning',
    kind: 'check',
    title: 'A conformance check',
    text: 'Two lines\nof text',
    details: { check: last },
    at: new Date(),
    ...more,
  };
}

const send = (notifier: Notifier, given: Notice, signal = AbortSignal.timeout(patience)) =>
  within(patience, 'send()', notifier.send(given, { signal }));

/** Every rule that the cost-watchdog relies on in a `notifier`. */
export function notifierChecks(subject: NotifierSubject): ConformanceCheck[] {
  const check = (name: string, run: () => Promise<void>): ConformanceCheck => ({ name, run });
  const fails = async (notifier: Notifier): Promise<void> => {
    const failure: unknown = await send(notifier, notice()).then(
      () => undefined,
      (error: unknown) => error,
    );
    const { message } = (failure ?? {}) as { message?: unknown };
    assert.ok(typeof message === 'string' && message !== '', 'an error that says what is wrong');
    const shown = inspect(failure, { depth: 10 });
    for (const secret of subject.secrets) assert.ok(!shown.includes(secret), 'an error without secrets');
  };
  const { refused } = subject;
  return [
    check('takes notices of every state and severity', async () => {
      const notifier = await subject.create();
      for (const severity of ['info', 'warning', 'critical'] as const) await send(notifier, notice({ severity }));
      for (const state of ['resolved', 'report', 'test'] as const) await send(notifier, notice({ state }));
    }),
    check('takes the same notice twice, and the end of what it was told of', async () => {
      const notifier = await subject.create();
      const firing = notice();
      await send(notifier, firing);
      await send(notifier, firing);
      await send(notifier, { ...firing, id: `${firing.id}-over`, state: 'resolved' });
    }),
    check('takes what others wrote, however long and odd it is', async () => {
      const notifier = await subject.create();
      const odd = '\0\r\n<script>&amp; "quoted" `ticks` \u2028 😀 \ud83d $(id) ${HOME}';
      const long = `${odd}${'😀x'.repeat(100_000)}`;
      await send(notifier, notice({ title: odd, text: '', details: {} }));
      await send(notifier, notice({ title: long, text: long, fingerprint: long.slice(0, 400), details: { long } }));
    }),
    check('says what is wrong when the other side is not there', async () => fails(await subject.unreachable())),
    ...(refused ? [check('says what is wrong when it is not let in', async () => fails(await refused()))] : []),
    check('does nothing when its signal is aborted before', async () => {
      const reason = new Error('over');
      await assert.rejects(
        send(await subject.create(), notice(), AbortSignal.abort(reason)),
        (error) => error === reason,
      );
    }),
  ];
}

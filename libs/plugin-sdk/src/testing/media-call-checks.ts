import assert from 'node:assert/strict';
import type { CallOptions, ModelProvider, ProviderError, ProviderErrorKind } from '../model-provider.js';
import { isProviderError } from '../provider-failures.js';
import type { Usage } from '../usage.js';
import { never } from './chat-probe.js';
import { type ConformanceCheck, until, within } from './check.js';
import type { ModelProviderSubject, OpenedProvider, UpstreamBehaviour } from './model-provider-subject.js';

type Call<Provider extends ModelProvider> = (provider: Provider, options: CallOptions) => Promise<Usage | undefined>;
type MakeCheck<Provider extends ModelProvider> = (
  name: string,
  run: (provider: Provider, opened: OpenedProvider<Provider>) => Promise<void>,
) => ConformanceCheck;

const refusals: [status: number, kind: ProviderErrorKind][] = [
  [400, 'invalid_request'],
  [401, 'auth'],
  [403, 'auth'],
  [404, 'model_not_found'],
  [429, 'rate_limited'],
  [500, 'overloaded'],
  [503, 'overloaded'],
];

async function failureOf(call: Promise<unknown>): Promise<ProviderError> {
  try {
    await call;
  } catch (error) {
    assert.ok(isProviderError(error), `a ProviderError, not ${String(error)}`);
    assert.ok(error.message.length > 0, 'with a message');
    return error;
  }
  assert.fail('the call must fail');
}

const counts = (usage: Partial<Usage>) => ({
  inputTokens: usage.inputTokens ?? 0,
  outputTokens: usage.outputTokens ?? 0,
  images: usage.images ?? 0,
  audioSeconds: usage.audioSeconds ?? 0,
});

/** The rules of a call that has one answer in one piece. `call` makes it, asserts its shape and gives its usage. */
export function wholeAnswerChecks<Provider extends ModelProvider>(
  member: string,
  subject: ModelProviderSubject<Provider>,
  call: Call<Provider>,
  more: (check: MakeCheck<Provider>) => ConformanceCheck[],
  good: UpstreamBehaviour = {},
): ConformanceCheck[] {
  const check: MakeCheck<Provider> = (rule, run) => {
    const name = `${member} ${rule}`;
    return {
      name,
      run: async () => {
        const opened = await subject.open();
        try {
          await within(15_000, name, run(opened.provider, opened));
        } finally {
          await opened.close();
        }
      },
    };
  };
  return [
    check('answers, with the usage as billed', async (provider, { upstream }) => {
      await upstream.next(good);
      const usage = await call(provider, { signal: never() });
      const billed = upstream.calls.at(-1);
      assert.ok(billed && usage, 'the provider reports the usage that the upstream told');
      assert.equal(billed.state, 'completed');
      assert.deepEqual(counts(usage), counts(billed));
    }),
    check('makes no tokens or seconds up that the upstream did not tell', async (provider, { upstream }) => {
      await upstream.next({ ...good, omitUsage: true });
      const usage = await call(provider, { signal: never() });
      // Pictures can be counted.
      if (usage) assert.deepEqual({ ...counts(usage), images: 0 }, counts({}));
    }),
    check('rejects at once when it is aborted, and cancels upstream', async (provider, { upstream }) => {
      await upstream.next({ ...good, hang: 'before' });
      const abort = new AbortController();
      const running = call(provider, { signal: abort.signal });
      running.catch(() => undefined);
      await until('the call has arrived', () => upstream.calls.length === 1);
      abort.abort(new Error('the caller left'));
      await within(
        1000,
        'rejecting after the abort',
        assert.rejects(running, (error: { mayBill?: unknown }) => error.mayBill !== false),
      );
      await until('the upstream sees it', () => upstream.calls.at(-1)?.state === 'cancelled');
    }),
    check('sends nothing when the signal is aborted already', async (provider, { upstream }) => {
      await assert.rejects(call(provider, { signal: AbortSignal.abort(new Error('too late')) }));
      assert.equal(upstream.calls.length, 0, 'no call');
    }),
    ...refusals.map(([status, kind]) =>
      check(`takes status ${status} for ${kind}`, async (provider, { upstream }) => {
        await upstream.next({ status, headers: { 'retry-after': '7' } });
        const error = await failureOf(call(provider, { signal: never() }));
        assert.equal(error.kind, kind);
        assert.equal(error.status, status);
        if (status === 429) assert.equal(error.retryAfterMs, 7000, 'Retry-After is passed on');
        if (status < 500) assert.equal(error.mayBill, false, 'a refusal is not billed');
        assert.equal(upstream.calls.length, 1, 'one attempt: the gateway retries, and holds money for each');
      }),
    ),
    check('may be billed when the connection breaks during the answer', async (provider, { upstream }) => {
      await upstream.next({ ...good, dropAfterTokens: 1 });
      assert.equal((await failureOf(call(provider, { signal: never() }))).mayBill, true);
      await until('the upstream has its bill', () => upstream.calls.at(-1)?.state === 'failed');
    }),
    {
      name: `${member} is known not to be billed when nobody listens`,
      run: async () => {
        const provider = await subject.unreachable();
        const error = await within(10_000, 'failing', failureOf(call(provider, { signal: never() })));
        assert.equal(error.kind, 'connection');
        assert.equal(error.mayBill, false);
      },
    },
    ...more(check),
  ];
}

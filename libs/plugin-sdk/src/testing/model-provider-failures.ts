import assert from 'node:assert/strict';
import type { ChatProvider, ProviderError, ProviderErrorKind } from '../model-provider.js';
import { isProviderError } from '../provider-failures.js';
import { chatRequest, never, textOf } from './chat-probe.js';
import { type ConformanceCheck, until, within } from './check.js';
import type { ModelProviderSubject, OpenedProvider } from './model-provider-subject.js';

export type MakeCheck = (
  name: string,
  run: (provider: ChatProvider, opened: OpenedProvider) => Promise<void>,
) => ConformanceCheck;

/** Refusals that every protocol knows. */
export const refusals: [status: number, kind: ProviderErrorKind][] = [
  [400, 'invalid_request'],
  [401, 'auth'],
  [403, 'auth'],
  [404, 'model_not_found'],
  [429, 'rate_limited'],
  [500, 'overloaded'],
  [503, 'overloaded'],
];

/** The error of one call that must fail, by either way of calling. */
async function failureOf(provider: ChatProvider, model: string, streaming: boolean): Promise<ProviderError> {
  const signal = never();
  try {
    if (!streaming) await provider.chat(chatRequest(model), { signal });
    else for await (const chunk of provider.streamChat(chatRequest(model), { signal })) void chunk;
  } catch (error) {
    assert.ok(isProviderError(error), `a ProviderError, not ${String(error)}`);
    assert.ok(error.message.length > 0, 'with a message');
    return error;
  }
  assert.fail('the call must fail');
}

/** How a provider must fail: with a ProviderError, and never saying "not billed" of a call that was. */
export function failureChecks(subject: ModelProviderSubject, check: MakeCheck): ConformanceCheck[] {
  const { model } = subject;
  return [
    ...refusals.map(([status, kind]) =>
      check(`status ${status} is ${kind}`, async (provider, { upstream }) => {
        for (const streaming of [false, true]) {
          await upstream.next({ status, headers: { 'retry-after': '7' } });
          const error = await failureOf(provider, model, streaming);
          assert.equal(error.kind, kind);
          assert.equal(error.status, status);
          if (status === 429) assert.equal(error.retryAfterMs, 7000, 'Retry-After is passed on');
          if (status < 500) assert.equal(error.mayBill, false, 'a refusal is not billed');
        }
        assert.equal(upstream.calls.length, 2, 'one attempt per call: the gateway retries, and holds money for each');
      }),
    ),
    check(
      'a request that it cannot read is no failure of the provider, and not billed',
      async (provider, { upstream }) => {
        const request = { ...chatRequest(model), messages: [{ role: 'user', content: [null] }] } as never;
        for (const streaming of [false, true]) {
          const sent = upstream.calls.length;
          try {
            if (!streaming) await provider.chat(request, { signal: never() });
            else for await (const chunk of provider.streamChat(request, { signal: never() })) void chunk;
          } catch (error) {
            if (upstream.calls.length > sent) continue;
            assert.ok(isProviderError(error), `a ProviderError, not ${String(error)}`);
            assert.deepEqual([error.kind, error.mayBill], ['invalid_request', false]);
          }
        }
      },
    ),
    check('a connection that breaks during a stream may be billed, and what came before is delivered', async (p, o) => {
      await o.upstream.next({ reply: 'x'.repeat(400), dropAfterTokens: 8 });
      let seen = '';
      await assert.rejects(
        async () => {
          for await (const chunk of p.streamChat(chatRequest(model), { signal: never() })) seen += textOf([chunk]);
        },
        (error: unknown) => isProviderError(error) && error.mayBill,
      );
      assert.ok(seen.length > 0, 'the first parts arrive');
      await until('the upstream has its bill', () => o.upstream.calls.at(-1)?.state === 'failed');
    }),
    check('a connection that breaks during an answer may be billed', async (provider, { upstream }) => {
      await upstream.next({ reply: 'x'.repeat(400), dropAfterTokens: 8 });
      assert.equal((await failureOf(provider, model, false)).mayBill, true);
    }),
    {
      name: 'a refused connection is known not to be billed',
      run: async () => {
        const provider = await subject.unreachable();
        for (const streaming of [false, true]) {
          const error = await within(10_000, 'failing', failureOf(provider, model, streaming));
          assert.equal(error.kind, 'connection');
          assert.equal(error.mayBill, false);
        }
      },
    },
    {
      name: 'check() says why it is not available within 3 s',
      run: async () => {
        const provider = await subject.unreachable();
        const state = await within(3000, 'check()', provider.check({ signal: never() }));
        assert.ok(!state.available, 'not available');
        assert.ok(state.reason.length > 10, 'a reason that a person can act on');
      },
    },
  ];
}

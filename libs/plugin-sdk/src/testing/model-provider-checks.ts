import assert from 'node:assert/strict';
import type { ChatChunk, ChatProvider } from '../model-provider.js';
import type { Usage } from '../usage.js';
import { chatRequest, never, textOf } from './chat-probe.js';
import { type ConformanceCheck, until, within } from './check.js';
import { failureChecks } from './model-provider-failures.js';
import type { ModelProviderSubject, OpenedProvider } from './model-provider-subject.js';
import { passThroughChecks } from './pass-through-checks.js';

const reply = 'A reply of some length, so that a stream of it comes in several parts and a limit can cut it short.';

const finishOf = (chunks: readonly ChatChunk[]): (string | null | undefined)[] =>
  chunks
    .flatMap(({ chunk }) => (chunk.choices as { finish_reason?: string | null }[] | undefined) ?? [])
    .map((choice) => choice.finish_reason)
    .filter((reason) => reason !== null && reason !== undefined);

async function collect(stream: AsyncIterable<ChatChunk>): Promise<ChatChunk[]> {
  const chunks: ChatChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function assertUsage(usage: Usage | undefined, { upstream }: OpenedProvider): void {
  const billed = upstream.calls.at(-1);
  assert.ok(billed && usage, 'the provider reports the usage that the upstream told');
  assert.equal(usage.inputTokens, billed.inputTokens, 'input tokens as billed');
  assert.equal(usage.outputTokens, billed.outputTokens, 'output tokens as billed');
}

const cancelled = (opened: OpenedProvider) =>
  until('the upstream sees that the call was cancelled', () => opened.upstream.calls.at(-1)?.state === 'cancelled');

/**
 * Every rule that Purser relies on in a `modelProvider`: the money it holds and settles is only as right as what the
 * provider says. Run each with your test runner against a fake upstream that speaks the provider's own protocol.
 */
export function modelProviderChecks(subject: ModelProviderSubject): ConformanceCheck[] {
  const { model } = subject;
  const check = (name: string, run: (provider: ChatProvider, opened: OpenedProvider) => Promise<void>) => ({
    name,
    run: async () => {
      const opened = await subject.open();
      try {
        await within(15_000, name, run(opened.provider, opened));
      } finally {
        await opened.close();
      }
    },
  });

  return [
    check('check() says that it is available, names its models when it can, and costs nothing', async (provider, o) => {
      const state = await within(3000, 'check()', provider.check({ signal: never() }));
      assert.ok(state.available, state.available ? '' : `available, but it says: ${state.reason}`);
      if (state.models) assert.ok(state.models.includes(model), `models include ${model}`);
      assert.equal(o.upstream.calls.length, 0, 'no call');
    }),
    check('chat() answers with an OpenAI chat completion and its usage', async (provider, opened) => {
      await opened.upstream.next({ reply });
      const { completion, usage } = await provider.chat(chatRequest(model), { signal: never() });
      assert.equal(completion.object, 'chat.completion');
      assert.equal(typeof completion.id, 'string');
      const [choice] = completion.choices as { message: Record<string, unknown>; finish_reason: string }[];
      assert.equal(choice?.message.role, 'assistant');
      assert.equal(choice.message.content, reply);
      assert.equal(choice.finish_reason, 'stop');
      JSON.stringify(completion);
      assertUsage(usage, opened);
    }),
    check('streamChat() gives OpenAI chunks whose last carries the usage', async (provider, opened) => {
      await opened.upstream.next({ reply });
      const chunks = await collect(provider.streamChat(chatRequest(model), { signal: never() }));
      assert.ok(chunks.length > 2, 'several chunks');
      for (const { chunk } of chunks) assert.equal(chunk.object, 'chat.completion.chunk');
      assert.equal(new Set(chunks.map(({ chunk }) => chunk.id)).size, 1, 'one id for all chunks');
      assert.equal(textOf(chunks), reply);
      assert.deepEqual(finishOf(chunks), ['stop']);
      assertUsage(chunks.at(-1)?.usage, opened);
    }),
    check('both pass on the output limit', async (provider, { upstream }) => {
      await upstream.next({ reply });
      const { completion } = await provider.chat(chatRequest(model, 5), { signal: never() });
      assert.equal(upstream.calls.at(-1)?.outputLimit, 5);
      assert.equal((completion.choices as { finish_reason: string }[])[0]?.finish_reason, 'length');
      await upstream.next({ reply });
      const chunks = await collect(provider.streamChat(chatRequest(model, 5), { signal: never() }));
      assert.equal(upstream.calls.at(-1)?.outputLimit, 5);
      assert.deepEqual(finishOf(chunks), ['length']);
    }),
    check('a usage that the upstream did not tell is not made up', async (provider, { upstream }) => {
      await upstream.next({ reply, omitUsage: true });
      assert.equal((await provider.chat(chatRequest(model), { signal: never() })).usage, undefined);
      await upstream.next({ reply, omitUsage: true });
      const chunks = await collect(provider.streamChat(chatRequest(model), { signal: never() }));
      assert.deepEqual(
        chunks.filter((chunk) => chunk.usage),
        [],
      );
    }),
    check('aborting chat() rejects at once and cancels upstream', async (provider, opened) => {
      await opened.upstream.next({ hang: 'before' });
      const abort = new AbortController();
      const call = provider.chat(chatRequest(model), { signal: abort.signal });
      call.catch(() => undefined);
      await until('the call has arrived', () => opened.upstream.calls.length === 1);
      abort.abort(new Error('the caller left'));
      await within(1000, 'rejecting after the abort', assert.rejects(call, refusesToPromise));
      await cancelled(opened);
    }),
    check('aborting a stream ends it with an error and cancels upstream', async (provider, opened) => {
      await opened.upstream.next({ reply, hang: 'midway' });
      const abort = new AbortController();
      let seen = '';
      const reading = (async () => {
        for await (const chunk of provider.streamChat(chatRequest(model), { signal: abort.signal })) {
          seen += textOf([chunk]);
          if (seen !== '') abort.abort(new Error('the caller left'));
        }
      })();
      await within(3000, 'ending after the abort', assert.rejects(reading, refusesToPromise));
      assert.ok(reply.startsWith(seen) && seen !== '', 'what was sent before is delivered');
      await cancelled(opened);
    }),
    check('leaving a stream’s loop cancels upstream', async (provider, opened) => {
      await opened.upstream.next({ reply, hang: 'midway' });
      for await (const chunk of provider.streamChat(chatRequest(model), { signal: never() }))
        if (textOf([chunk]) !== '') break;
      await cancelled(opened);
    }),
    check('a signal that is aborted already means that nothing is sent', async (provider, { upstream }) => {
      const signal = AbortSignal.abort(new Error('too late'));
      await assert.rejects(provider.chat(chatRequest(model), { signal }));
      await assert.rejects(collect(provider.streamChat(chatRequest(model), { signal })));
      assert.equal(upstream.calls.length, 0, 'no call');
    }),
    check('calls do not disturb each other: one is aborted, the other completes', async (provider, { upstream }) => {
      await upstream.next({ reply, hang: 'midway' });
      const abort = new AbortController();
      const first = provider.streamChat(chatRequest(model), { signal: abort.signal })[Symbol.asyncIterator]();
      await first.next();
      await upstream.next({ reply });
      const second = provider.streamChat(chatRequest(model), { signal: never() })[Symbol.asyncIterator]();
      const begun = await second.next();
      abort.abort();
      await assert.rejects(async () => {
        while (!(await first.next()).done);
      });
      const rest: ChatChunk[] = begun.done ? [] : [begun.value];
      for (let item = await second.next(); !item.done; item = await second.next()) rest.push(item.value);
      assert.equal(textOf(rest), reply);
    }),
    ...failureChecks(subject, check),
    ...passThroughChecks(subject, check),
  ];
}

/** After an abort a provider cannot know that nothing is billed, so it must not claim it. */
function refusesToPromise(error: unknown): true {
  assert.notEqual((error as { mayBill?: unknown } | undefined)?.mayBill, false, 'an aborted call may be billed');
  return true;
}

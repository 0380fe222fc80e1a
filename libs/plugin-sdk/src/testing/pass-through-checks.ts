import assert from 'node:assert/strict';
import type { ChatProvider, ModelProvider } from '../model-provider.js';
import type { ChatProtocol, PassThrough, PassThroughAnswer } from '../pass-through.js';
import { isProviderError } from '../provider-failures.js';
import { never } from './chat-probe.js';
import { type ConformanceCheck, until, within } from './check.js';
import { type MakeCheck, refusals } from './model-provider-failures.js';
import type { ModelProviderSubject, OpenedProvider } from './model-provider-subject.js';

const reply = 'A reply of some length, with an ümlaut, so that a stream of it comes in several parts.';
const question = 'Größe? “𝄞” \u2028 \\ "';
const limit = 77;

/** Valid requests with something of each that only a client of this very protocol would send. */
const bodies: Readonly<Record<ChatProtocol, (model: string) => Record<string, unknown>>> = {
  'chat-completions': (model) => ({
    model,
    messages: [{ role: 'user', content: question, name: 'ada' }],
    max_completion_tokens: limit,
    vendor_option: { deep: [1, null, 0.1] },
  }),
  responses: (model) => ({
    model,
    input: [{ role: 'user', content: [{ type: 'input_text', text: question }] }],
    max_output_tokens: limit,
    metadata: { of: 'the client' },
  }),
  messages: (model) => ({
    model,
    system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
    messages: [{ role: 'user', content: [{ type: 'text', text: question }] }],
    max_tokens: limit,
    metadata: { user_id: 'ada' },
  }),
};

function wayOf(provider: ModelProvider, protocol: ChatProtocol): PassThrough {
  const way = provider.passThrough?.[protocol];
  assert.ok(way, `passThrough has ${protocol}`);
  return way;
}

/** As the gateway does it: the plugin's last touches, then the bytes, cut anywhere. */
function prepare(way: PassThrough, protocol: ChatProtocol, model: string, streaming: boolean) {
  const asked = Object.freeze({ ...bodies[protocol](model), stream: streaming });
  const before = JSON.stringify(asked);
  const body = way.adapt ? way.adapt(asked, streaming) : { ...asked };
  assert.equal(JSON.stringify(asked), before, 'its argument is left alone');
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) => bytes.subarray(at * 7, at * 7 + 7));
  return { body, request: { body: pieces, streaming, headers: {} } };
}

function send(provider: ModelProvider, protocol: ChatProtocol, model: string, streaming: boolean, signal = never()) {
  const way = wayOf(provider, protocol);
  return way.send(prepare(way, protocol, model, streaming).request, { signal });
}

async function read({ body }: PassThroughAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of body) text += decoder.decode(part, { stream: true });
  return text + decoder.decode();
}

const cancelled = ({ upstream }: OpenedProvider) =>
  until('the upstream sees that the call was cancelled', () => upstream.calls.at(-1)?.state === 'cancelled');

const itself = (reason: Error) => (error: unknown) => error === reason;

const mayBill = (error: unknown): true => {
  assert.ok(isProviderError(error), `a ProviderError, not ${String(error)}`);
  assert.equal(error.mayBill, true, 'it may be billed');
  return true;
};

/** What holds for calls that travel untranslated, once for each protocol that the subject names. */
export function passThroughChecks(subject: ModelProviderSubject, check: MakeCheck): ConformanceCheck[] {
  return (subject.passThrough ?? []).flatMap((protocol) => checksOf(protocol, subject, check));
}

function checksOf(protocol: ChatProtocol, subject: ModelProviderSubject, make: MakeCheck) {
  const { model } = subject;
  const check = (name: string, run: (provider: ChatProvider, opened: OpenedProvider) => Promise<void>) =>
    make(`${protocol}: ${name}`, run);
  const each = async (run: (streaming: boolean) => Promise<void>) => {
    for (const streaming of [false, true]) await run(streaming);
  };

  return [
    check('the request arrives as it was, and the answer comes back as it is', (provider, { upstream }) =>
      each(async (streaming) => {
        await upstream.next({ reply });
        const way = wayOf(provider, protocol);
        const { body, request } = prepare(way, protocol, model, streaming);
        const answer = await way.send(request, { signal: never() });
        const type = streaming ? 'text/event-stream' : 'application/json';
        assert.ok(answer.contentType.startsWith(type), `content type ${type}, not ${answer.contentType}`);
        const text = await read(answer);
        const call = upstream.calls.at(-1);
        assert.deepEqual(call?.request, body, 'the upstream gets what was sent');
        assert.equal(call?.outputLimit, limit);
        assert.ok(text.includes(streaming ? reply.slice(0, 8) : reply), 'the answer holds what the model said');
        await until('the upstream has its bill', () => call.state === 'completed');
      }),
    ),
    ...refusals.map(([status, kind]) =>
      check(`status ${status} is ${kind}`, (provider, { upstream }) =>
        each(async (streaming) => {
          await upstream.next({ status, headers: { 'retry-after': '7' } });
          await assert.rejects(send(provider, protocol, model, streaming), (error: unknown) => {
            assert.ok(isProviderError(error), `a ProviderError, not ${String(error)}`);
            assert.deepEqual([error.kind, error.status], [kind, status]);
            assert.ok(error.message.length > 0, 'with a message');
            if (status === 429) assert.equal(error.retryAfterMs, 7000, 'Retry-After is passed on');
            if (status < 500) assert.equal(error.mayBill, false, 'a refusal is not billed');
            return true;
          });
        }),
      ),
    ),
    check('aborting before the answer begins rejects with the signal’s reason and cancels upstream', async (p, o) => {
      await o.upstream.next({ hang: 'before' });
      const abort = new AbortController();
      const reason = new Error('the caller left');
      const call = send(p, protocol, model, false, abort.signal);
      call.catch(() => undefined);
      await until('the call has arrived', () => o.upstream.calls.length === 1);
      abort.abort(reason);
      await within(1000, 'rejecting after the abort', assert.rejects(call, itself(reason)));
      await cancelled(o);
    }),
    check('aborting within the answer rejects with the signal’s reason and cancels upstream', (provider, opened) =>
      each(async (streaming) => {
        await opened.upstream.next({ reply, hang: 'midway' });
        const abort = new AbortController();
        const reason = new Error('the caller left');
        const { body } = await send(provider, protocol, model, streaming, abort.signal);
        const reading = (async () => {
          for await (const part of body) if (part.length > 0) abort.abort(reason);
        })();
        await within(3000, 'ending after the abort', assert.rejects(reading, itself(reason)));
        await cancelled(opened);
      }),
    ),
    check('leaving the answer cancels upstream', (provider, opened) =>
      each(async (streaming) => {
        await opened.upstream.next({ reply, hang: 'midway' });
        const { body } = await send(provider, protocol, model, streaming);
        for await (const part of body) if (part.length > 0) break;
        await cancelled(opened);
      }),
    ),
    check('a signal that is aborted already means that nothing is sent', async (provider, { upstream }) => {
      const reason = new Error('too late');
      await assert.rejects(send(provider, protocol, model, true, AbortSignal.abort(reason)), itself(reason));
      assert.equal(upstream.calls.length, 0, 'no call');
    }),
    check('a connection that breaks may be billed, and what came before is delivered', (provider, { upstream }) =>
      each(async (streaming) => {
        await upstream.next({ reply: 'x'.repeat(400), dropAfterTokens: 8 });
        let seen = 0;
        const reading = (async () => {
          const { body } = await send(provider, protocol, model, streaming);
          for await (const part of body) seen += part.length;
        })();
        await assert.rejects(reading, mayBill);
        assert.ok(seen > 0, 'the first parts arrive');
      }),
    ),
    {
      name: `${protocol}: a refused connection is known not to be billed`,
      run: async () => {
        const provider = await subject.unreachable();
        const call = within(10_000, 'failing', send(provider, protocol, model, true));
        await assert.rejects(call, (error: unknown) => {
          assert.ok(isProviderError(error), `a ProviderError, not ${String(error)}`);
          assert.deepEqual([error.kind, error.mayBill], ['connection', false]);
          return true;
        });
      },
    },
  ];
}

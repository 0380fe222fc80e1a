import type { ModelProvider, PassThroughRequest } from '@purser/plugin-sdk';
import { bodyOf } from '../bodies/client-body.js';
import { isUnmet } from '../calls/model-call.js';
import { chatCompletions } from './chat-completions/chat-completions.js';
import { ChatModelCall } from './chat-model-call.js';
import type { Dialect } from './dialect.js';
import { messages } from './messages/messages.js';
import { responses } from './responses/responses.js';

const { signal } = new AbortController();
const sent: Record<string, unknown>[] = [];
const nothing = { completion: { choices: [] }, usage: undefined };

const pass = {
  send: ({ body }: PassThroughRequest) => {
    sent.push(JSON.parse(Buffer.concat(body).toString()) as Record<string, unknown>);
    return Promise.resolve({
      contentType: 'application/json',
      body: (async function* () {
        yield await Promise.resolve(Buffer.from('{}'));
      })(),
    });
  },
};
const provider = (standardServiceTier: string | undefined, native: boolean): ModelProvider => ({
  check: () => Promise.resolve({ available: true }),
  chat: (request) => {
    sent.push(request);
    return Promise.resolve(nothing);
  },
  streamChat: () => {
    throw new Error('not asked for');
  },
  cancelledCallsBill: 'full',
  ...(standardServiceTier === undefined ? {} : { standardServiceTier }),
  ...(native ? { passThrough: { 'chat-completions': pass, responses: pass } } : {}),
});

const passage = (dialect: Dialect, body: object, by: ModelProvider) => {
  const found = new ChatModelCall(dialect, dialect.read(bodyOf(body), {})).via(by, 'openai');
  if (isUnmet(found)) throw new Error(found.unmet);
  return found;
};

const chat = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };
const BODIES: [string, Dialect, object][] = [
  ['chat completions', chatCompletions, chat],
  ['responses', responses, { model: 'm', input: 'Hi' }],
  ['messages', messages, { ...chat, max_tokens: 9 }],
];
beforeEach(() => (sent.length = 0));

describe.each(BODIES)('%s', (_, dialect, body) => {
  it.each([true, false])('can name the standard tier of a provider that has one (untranslated: %s)', async (native) => {
    const found = passage(dialect, body, provider('default', native));
    expect(found.standardTier).toBe('default');
    await found.to('x', 10, 'default').whole({ signal });
    await found.to('x', 10).whole({ signal });
    expect(sent.map(({ service_tier: tier }) => tier)).toEqual(['default', undefined]);
  });

  it('names none where the provider has none', () => {
    expect(passage(dialect, body, provider(undefined, true)).standardTier).toBeUndefined();
  });
});

it.each(['auto', 'priority', 'flex', 'default'])('leaves a client its own word: %s', async (named) => {
  for (const native of [true, false]) {
    const found = passage(chatCompletions, { ...chat, service_tier: named }, provider('default', native));
    expect(found.standardTier).toBeUndefined();
    await found.to('x', 10).whole({ signal });
    expect(sent.at(-1)).toMatchObject({ service_tier: named });
  }
});

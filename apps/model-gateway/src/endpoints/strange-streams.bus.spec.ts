import fc from 'fast-check';
import { openRawWorld, type RawWorld } from '../raw-upstream.fixture.js';
import { strangeStream } from './strange-streams.fixture.js';

jest.setTimeout(120_000);
let world: RawWorld;
beforeAll(async () => {
  world = await openRawWorld();
});
afterAll(() => world.close());

const messages = [{ role: 'user', content: 'Hello' }];

/** The events of a whole stream; throws where a client would stumble. */
function eventsOf(text: string): { event: string | undefined; data: string }[] {
  expect(text.endsWith('\n\n')).toBe(true);
  return text
    .slice(0, -2)
    .split('\n\n')
    .filter((block) => !block.startsWith(': '))
    .map((block) => {
      const lines = block.split('\n');
      const event = lines[0]?.startsWith('event: ') ? lines.shift()?.slice(7) : undefined;
      for (const line of lines) expect(line).toMatch(/^data: /);
      return { event, data: lines.map((line) => line.slice(6)).join('\n') };
    });
}

const PROTOCOLS = {
  chat: {
    path: '/v1/chat/completions',
    request: { max_tokens: 500, messages },
    ends: ({ data }: { data: string }) => data === '[DONE]',
    fails: ({ data }: { data: string }) => data.startsWith('{"error":'),
    error: { error: { message: expect.stringMatching(/./) as unknown, type: expect.any(String) as unknown } },
  },
  messages: {
    path: '/v1/messages',
    request: { max_tokens: 500, messages },
    ends: ({ event }: { event: string | undefined }) => event === 'message_stop',
    fails: ({ event }: { event: string | undefined }) => event === 'error',
    error: {
      type: 'error',
      error: { type: expect.any(String) as unknown, message: expect.stringMatching(/./) as unknown },
    },
  },
  responses: {
    path: '/v1/responses',
    request: { max_output_tokens: 500, input: messages },
    ends: ({ event }: { event: string | undefined }) => /^response\.(completed|incomplete)$/.test(event ?? ''),
    fails: ({ event }: { event: string | undefined }) => /^(error|response\.failed)$/.test(event ?? ''),
    error: { error: { message: expect.stringMatching(/./) as unknown, type: expect.any(String) as unknown } },
  },
} as const;

it.each([
  ['chat', 'openai', 'chat'],
  ['messages', 'anthropic', 'messages'],
  ['messages', 'openai', 'chat'],
  ['chat', 'anthropic', 'messages'],
  ['responses', 'speaking', 'responses'],
  ['responses', 'openai', 'chat'],
  ['responses', 'anthropic', 'messages'],
] as const)(
  '%s over %s: whole events or an error of the protocol, and one settlement',
  async (spoken, provider, upstream) => {
    const { path, request, ends, fails, error } = PROTOCOLS[spoken];
    const before = world.upstream.calls;
    const outcomes = new Set<string | undefined>();
    await fc.assert(
      fc.asyncProperty(strangeStream(upstream), async (answer) => {
        world.upstream.answer = answer;
        const calls = world.upstream.calls;
        const { status, text } = await world.ask(path, { ...request, model: world.fresh(provider), stream: true });
        expect(world.upstream.calls).toBe(calls + 1);
        if (status === 200) {
          const events = eventsOf(text);
          for (const event of events) if (event.data !== '[DONE]') JSON.parse(event.data);
          const last = events.at(-1) ?? { event: undefined, data: '' };
          expect([ends(last), fails(last)]).toContain(true);
          expect(events.slice(0, -1).filter((event) => fails(event))).toEqual([]);
        } else {
          expect(status).toBe(503);
          expect(JSON.parse(text)).toMatchObject(error);
        }
        const [spend, ...more] = await world.settled(1);
        outcomes.add(spend?.outcome);
        expect([spend?.outcome, more]).toEqual([status === 200 && ends(eventsOf(text).at(-1)!) ? 'ok' : 'unknown', []]);
      }),
      { numRuns: 40, seed: 7 },
    );
    expect(world.upstream.calls).toBeGreaterThanOrEqual(before + 40);
    // Near enough to good streams that both happen.
    expect([...outcomes].sort()).toEqual(['ok', 'unknown']);
  },
);

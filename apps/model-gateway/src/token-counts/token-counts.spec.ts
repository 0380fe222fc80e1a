import type { ChatRequest, ModelProvider } from '@purser/plugin-sdk';
import { createLog, systemClock } from '@purser/service';
import { bodyOf } from '../bodies/client-body.js';
import { estimateInputTokens } from '../dialects/messages/estimate.js';
import { readPrompt } from '../dialects/messages/request.js';
import { toChat } from '../dialects/messages/to-chat.js';
import { Ladders } from '../models/ladders.js';
import { Providers } from '../models/providers.js';
import { TokenCounts } from './token-counts.service.js';

const log = createLog({ service: 'spec', instance: 'one', level: 'silent' });
const asked: ChatRequest[] = [];
let count: () => Promise<number>;
const provider = (more: Partial<ModelProvider> = {}): ModelProvider => ({
  check: () => Promise.resolve({ available: true }),
  chat: () => Promise.reject(new Error('not for counting')),
  streamChat: () => {
    throw new Error('not for counting');
  },
  cancelledCallsBill: 'full',
  ...more,
});

const ladders = Ladders.from({
  mixed: {
    tier_1_paid: { provider: 'mute', model: 'a' },
    tier_2_paid: { provider: 'exact', model: 'b' },
  },
});
const providers = new Providers(systemClock, log);
const counts = new TokenCounts(ladders, providers, log);
beforeAll(async () => {
  const exact = provider({
    countTokens: (request) => {
      asked.push(request);
      return count();
    },
  });
  providers.start(
    [
      { name: 'mute', entry: {}, instance: provider() },
      { name: 'exact', entry: {}, instance: exact },
    ] as unknown as Parameters<Providers['start']>[0],
    [],
  );
  await providers.checkedOnce();
});
afterAll(() => providers.stop());
beforeEach(() => {
  asked.length = 0;
  count = () => Promise.resolve(42);
});

const ask = (more: object = {}, signal = new AbortController().signal) => {
  const body = { model: 'mixed', system: 'Be brief.', messages: [{ role: 'user', content: 'Hi' }], ...more };
  const call = readPrompt(bodyOf(body), {});
  return counts.count({ call, toChat, estimate: estimateInputTokens }, signal);
};

it('asks the first tier whose provider can count', async () => {
  expect(await ask()).toMatchObject({ tokens: 42, tier: { name: 'tier_2_paid' } });
  expect(asked).toMatchObject([
    {
      model: 'b',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
    },
  ]);
});

it('estimates where part of the prompt would be lost, or the provider fails', async () => {
  const file = { type: 'image', source: { type: 'file', file_id: 'f' } };
  const lost = await ask({ messages: [{ role: 'user', content: [file] }] });
  expect(lost.tier).toBeUndefined();
  expect(asked).toEqual([]);
  count = () => Promise.reject(new Error('it is down'));
  expect(await ask()).toEqual({ tokens: 8, tier: undefined });
});

it('gives up with its client', async () => {
  const gone = new AbortController();
  count = () => {
    gone.abort(new Error('the client went away'));
    return Promise.reject(new Error('aborted'));
  };
  await expect(ask({}, gone.signal)).rejects.toThrow('the client went away');
});

it('knows no other models than the ladders', async () => {
  await expect(ask({ model: 'none' })).rejects.toMatchObject({ code: 'not_found', details: { param: 'model' } });
});

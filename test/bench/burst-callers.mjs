// Callers in a process of their own, which loads neither the gateways nor those who measure. They read their orders (JSON)
// from standard input, print {"done": n} as they go on, and at last what they saw:
//   {"outcomes": {"<protocol> <tier>": n}, "troubles": [...], "retried": n, "left": n, "slowestMs": n}
import { performance } from 'node:perf_hooks';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { between, CAPABILITIES, oneOf, randomFrom } from './burst-scene.mjs';

const orders = JSON.parse(await text(process.stdin));
const { gateways, key, callers, calls, seed, leaving = 0, promptBytes, maxTokens, patienceMs = 60_000 } = orders;

const PROTOCOLS = {
  chat: {
    path: '/v1/chat/completions',
    body: ({ model, prompt, limit, streaming }) => ({
      model,
      messages: [{ role: 'user', content: prompt }],
      stream: streaming,
      ...(limit === undefined ? {} : { max_tokens: limit }),
    }),
    whole: (answer) => typeof answer.choices?.[0]?.message?.content === 'string',
    streamed: (events) => events.endsWith('data: [DONE]\n\n'),
  },
  messages: {
    path: '/v1/messages',
    // The protocol makes everybody give a limit.
    body: ({ model, prompt, limit, streaming }) => ({
      model,
      messages: [{ role: 'user', content: prompt }],
      stream: streaming,
      max_tokens: limit ?? 4096,
    }),
    whole: (answer) => answer.type === 'message' && Array.isArray(answer.content),
    streamed: (events) => events.includes('event: message_stop\n'),
  },
  responses: {
    path: '/v1/responses',
    body: ({ model, prompt, limit, streaming }) => ({
      model,
      input: prompt,
      stream: streaming,
      store: false,
      ...(limit === undefined ? {} : { max_output_tokens: limit }),
    }),
    whole: (answer) => answer.object === 'response' && Array.isArray(answer.output),
    // It ends as incomplete where the limit cut it off.
    streamed: (events) => /^event: response\.(completed|incomplete)$/m.test(events),
  },
};

/** The connection broke: the gateway is gone, and another may answer. */
class Broken extends Error {}

const seen = { outcomes: {}, troubles: [], retried: 0, left: 0, slowestMs: 0 };
const count = (outcome) => (seen.outcomes[outcome] = (seen.outcomes[outcome] ?? 0) + 1);

async function attempt(gateway, protocol, asked, leaves, signal) {
  const leave = new AbortController();
  const broken = (cause) => {
    if (signal.aborted) throw new Error(`no end after ${patienceMs} ms`);
    throw new Broken(cause.message, { cause });
  };
  const response = await fetch(gateway + protocol.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify(protocol.body(asked)),
    signal: AbortSignal.any([leave.signal, signal]),
  }).catch(broken);
  const tier = response.headers.get('x-purser-tier');
  if (leaves && response.ok && response.body) {
    await response.body.getReader().read().catch(broken);
    leave.abort();
    seen.left += 1;
    return tier;
  }
  const body = await response.text().catch(broken);
  if (!response.ok) throw new Error(`${response.status} ${body.slice(0, 300)}`);
  const complete = asked.streaming ? protocol.streamed(body) : protocol.whole(JSON.parse(body));
  if (!complete) throw new Error(`an answer that is not whole: ...${body.slice(-300)}`);
  return tier;
}

async function call(n) {
  const random = randomFrom(seed * 1_000_003 + n);
  const name = oneOf(random, Object.keys(PROTOCOLS));
  const streaming = random() < 0.6;
  const asked = {
    model: oneOf(random, CAPABILITIES),
    streaming,
    prompt: 'word '.repeat((promptBytes ?? between(random, 20, random() < 0.1 ? 20_000 : 2_000)) / 5),
    limit: maxTokens ?? (random() < 0.6 ? between(random, 40, 1_500) : undefined),
  };
  const leaves = streaming && random() < leaving;
  const started = performance.now();
  const signal = AbortSignal.timeout(patienceMs);
  for (let turn = n; ; turn += 1) {
    try {
      count(`${name} ${await attempt(gateways[turn % gateways.length], PROTOCOLS[name], asked, leaves, signal)}`);
      break;
    } catch (error) {
      if (error instanceof Broken && turn - n < 2 * gateways.length) {
        seen.retried += 1;
        await wait(between(random, 5, 50));
        continue;
      }
      seen.troubles.push(`${name}, call ${n}: ${error.message}`);
      break;
    }
  }
  seen.slowestMs = Math.max(seen.slowestMs, Math.round(performance.now() - started));
}

let next = 0;
let done = 0;
async function caller() {
  while (next < calls) {
    next += 1;
    await call(next);
    done += 1;
    console.log(JSON.stringify({ done }));
  }
}

await Promise.all(Array.from({ length: callers }, caller));
console.log(JSON.stringify(seen));

import { pageWriter } from './agent.js';
import type { Audience } from './audience.js';
import type { Client } from './client.js';
import type { Stage } from './stage.js';
import { chapter, say } from './terminal.js';

const cost = (headers: Headers) => `$${headers.get('x-purser-cost-usd') ?? '?'}`;

/** The whole demo: each chapter waits for what it tells, and fails when it does not happen. */
export async function tell(stage: Stage, client: Client, audience: Audience): Promise<void> {
  await paidThenFree(stage, client, audience);
  await anAgentThatHandsOff(stage, client, audience);
  await aRunawayIsStopped(stage, client, audience);
}

async function paidThenFree(stage: Stage, client: Client, audience: Audience): Promise<void> {
  chapter('1. A paid model at work, a budget of $0.05 a day, and the fall to the free model');
  stage.provider.script({ outputTokens: 120 });
  const created = await client.api('POST', '/v1/keys', { name: 'demo client', project: 'demo' });
  const key = created.body.secret as string;
  let last = '';
  for (let call = 1; call <= 60 && last !== 'demo-small'; call++) {
    const answer = await client.chat('code_generation', key);
    if (answer.status !== 200) throw new Error(`the gateway answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    const model = answer.headers.get('x-purser-model') ?? '';
    if (model !== last)
      say(
        `call ${call}: ${model} (${answer.headers.get('x-purser-tier')}), ${cost(answer.headers)}${reason(answer.headers)}`,
      );
    last = model;
  }
  if (last !== 'demo-small') throw new Error('the budget was not used up');
  await audience.until('budget.warning.demo-project');
  const { body } = await client.api('GET', '/v1/budgets');
  const budget = (body.budgets as { id: string; window: { settledUsd: string }; limitUsd: string }[]).find(
    (one) => one.id === 'demo-project',
  );
  say(
    `spent $${budget?.window.settledUsd} of $${budget?.limitUsd}: the next call would not have fitted, so it was not made`,
  );
}

const reason = (headers: Headers) =>
  headers.get('x-purser-fallback-reason') ? ` because: ${headers.get('x-purser-fallback-reason')}` : '';

async function anAgentThatHandsOff(stage: Stage, client: Client, audience: Audience): Promise<void> {
  chapter('2. An agent with 700 tokens a session writes 16 pages: it wraps up, hands off and is continued');
  stage.provider.script({ outputTokens: 120, latencyMs: 500 });
  await client.api('POST', '/v1/tasks', {
    id: 'book',
    executor: 'command',
    input: { argv: pageWriter(16) },
    limits: { tokens: 700 },
    budgetUsd: '1',
  });
  await audience.until('task.completed.book', 60_000);
  const { body: task } = await client.api('GET', '/v1/tasks/book');
  const sessions = task.sessions as { outcome: string }[];
  const { body: logs } = await client.api('GET', '/v1/tasks/book/logs');
  const pages = (logs.lines as { text: string }[]).filter((line) => line.text.startsWith('page ')).length;
  say(
    `${pages} pages, each written once, in ${sessions.length} sessions (${sessions.map((one) => one.outcome).join(', ')}), for $${String(task.spentUsd)}`,
  );
  if (sessions.length < 3) throw new Error('the agent was to be continued twice');
}

async function aRunawayIsStopped(stage: Stage, client: Client, audience: Audience): Promise<void> {
  chapter('3. A runaway loop on an expensive model: more than 20 % of the month within the hour, and everything stops');
  await client.api('POST', '/v1/tasks', { id: 'bystander', executor: 'command', input: { argv: pageWriter(40) } });
  await audience.until('task.checkpointed.bystander', 20_000);
  stage.provider.script({ outputTokens: 400 });
  let refused = 0;
  let paid = 0;
  for (let call = 1; call <= 200 && refused === 0; call++) {
    const { status } = await client.chat('deep_thought');
    if (status === 403) refused = call;
    else if (status === 200) paid++;
  }
  if (refused === 0) throw new Error('the spike was not noticed');
  say(`the loop got ${paid} answers; its next call was refused with 403`);
  await audience.until('emergency.shutdown');
  await audience.until('alert.critical.spike');
  await audience.until('emergency.acknowledged.agent-runner');
  let { body: task } = await client.api('GET', '/v1/tasks/bystander');
  for (let look = 0; task.state === 'running' && look < 100; look++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    ({ body: task } = await client.api('GET', '/v1/tasks/bystander'));
  }
  say(`the agent's task is ${String(task.state)}, its checkpoint kept; it waits: ${String(task.waiting)}`);

  chapter('4. A person looks, and resets');
  stage.provider.script({ outputTokens: 20 });
  await client.api('POST', '/v1/emergency/reset', { by: 'demo', reason: 'the loop was fixed' });
  await audience.until('emergency.cleared');
  await audience.until('task.completed.bystander', 40_000);
  const { body: after } = await client.api('GET', '/v1/tasks/bystander');
  say(
    `the agent went on from its checkpoint and is ${String(after.state)}, in ${(after.sessions as unknown[]).length} sessions`,
  );
}

import { chmod } from 'node:fs/promises';
import type { Executor } from '@purser/plugin-sdk';
import { executorChecks } from '@purser/plugin-sdk/testing';
import { aliveOf, createExecutor } from './chat-session.fixture.js';
import { emptyState, writeState } from './conversation/state.js';
import { call, finish, ScriptedModel } from './scripted-model.fixture.js';

describe('the rules for executors', () => {
  let model: ScriptedModel;

  beforeAll(async () => {
    model = await ScriptedModel.start();
    model.script = ({ messages }) => {
      const goal = messages[1]?.content ?? '';
      if (goal === 'fail') return { status: 400, error: { message: 'no such thing', code: 'invalid_request' } };
      if (goal === 'work') return call('run_command', { command: 'echo at work; sleep 1000' });
      if (goal === 'resist') return call('run_command', { command: "trap '' TERM; setsid sleep 1000 & sleep 1000" });
      return finish('done');
    };
  });

  afterAll(() => model.stop());

  /** The suite gives sessions no gateway. */
  const create = (): Executor => {
    const executor = createExecutor();
    return {
      input: executor.input,
      run: (session) => executor.run({ ...session, environment: model.environment }),
    };
  };
  const shell = { tools: { shell: true } };
  const checks = executorChecks({
    create,
    inputs: {
      completes: { goal: 'complete' },
      fails: { goal: 'fail' },
      invalid: { goal: '' },
      wraps: { goal: 'work', ...shell },
      stubborn: { goal: 'resist', ...shell },
      checkpoints: { goal: 'complete' },
      resumes: { goal: 'complete' },
    },
    state: writeState({ ...emptyState(), turns: 3, finished: { result: 'done before' } }),
    // Spread, for the checks compare arrays strictly and what node:fs returns is no array of jest's realm.
    alive: (sessionId) => Promise.resolve([...aliveOf(sessionId)]),
    prepare: (folder) => chmod(folder, 0o755),
  });
  for (const { name, run } of checks) it(name, run);
});

import { chmod } from 'node:fs/promises';
import { executorChecks } from '@purser/plugin-sdk/testing';
import { aliveWith, createExecutor } from './session.fixture.js';

const sh = (script: string) => ({ argv: ['sh', '-c', script] });
const save = 'mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"';

describe('the rules for executors', () => {
  const checks = executorChecks({
    create: () => createExecutor(),
    inputs: {
      completes: sh('echo done'),
      fails: sh('echo wrong >&2; exit 1'),
      invalid: { argv: [] },
      wraps: sh(`trap 'exit 75' TERM; echo at work; while :; do sleep 0.05; done`),
      stubborn: sh(`trap '' TERM; echo at work; setsid sleep 1000 & while :; do sleep 0.05; done`),
      checkpoints: sh(`echo '{"step":1}' > "$PURSER_STATE_DIR/new"; ${save}`),
      resumes: sh(`cp "$PURSER_STATE_DIR/checkpoint.json" "$PURSER_STATE_DIR/new"; ${save}`),
    },
    // Spread, for the checks compare arrays strictly and what node:fs returns is no array of jest's realm.
    alive: (sessionId) =>
      Promise.resolve([...aliveWith(`PURSER_SESSION_ID=${sessionId}`)].map((pid) => `process ${pid}`)),
    prepare: (folder) => chmod(folder, 0o755),
  });
  for (const { name, run } of checks) it(name, run);
});

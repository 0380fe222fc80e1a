import { describeSession, type HandoffFacts } from './handoff-document.js';

const facts: HandoffFacts = {
  taskId: 'nightly',
  sessionId: 's-2',
  epoch: 2,
  at: new Date('2026-11-23T10:00:00Z'),
  executor: 'command',
  input: { argv: ['claude', '-p', 'review'] },
  reason: 'continue: tokens 0.86 of its limit',
  detail: 'tokens 0.86 of its limit; it ended with exit code 75',
  usage: { seconds: 61.25, tokens: 860, requests: 3, memoryMb: 120.4 },
  progress: { done: 3, total: 10, note: 'third chapter' },
  checkpoint: {
    epoch: 2,
    number: 4,
    digest: 'sha256:ab',
    size: 13,
    bytes: Buffer.from('{"chapter":3}'),
    commit: 'c0ffee',
  },
  workspace: 'The changes in the workspace were committed as abc123.',
  tail: ['stdout: one', 'stderr: two ``` three'],
};

it('says what is known of the session, and what comes next', () => {
  const text = describeSession(facts);
  for (const part of [
    '# Handoff of task nightly',
    'Session s-2 (epoch 2) ended at 2026-11-23T10:00:00.000Z: continue: tokens 0.86 of its limit.',
    'it ended with exit code 75',
    '- time: 61.3 s',
    '- tokens: 860 in 3 requests',
    '- memory: 120 MiB',
    '"claude"',
    'It belongs to commit c0ffee of the workspace.',
    '3 of 10, third chapter',
    'number 4 of epoch 2, sha256:ab',
    '```json\n{\n  "chapter": 3\n}\n```',
    'committed as abc123',
    'Go on from the checkpoint above',
  ])
    expect(text).toContain(part);
});

it('has the same sections each time', () => {
  expect(describeSession(facts).match(/^## .*$/gm)).toEqual(
    ['Task', 'Done', 'State', 'Next action', 'Open questions', 'Resources used', 'Decisions', 'Last log lines'].map(
      (title) => `## ${title}`,
    ),
  );
});

it('says of a state that lies in pieces only how big it is', () => {
  const large = { epoch: 2, number: 4, digest: 'sha256:ab', size: 20_000_000, bytes: null, commit: null };
  expect(describeSession({ ...facts, checkpoint: large })).toContain('sha256:ab, 20000000 bytes.');
});

it('keeps what a program printed within its block', () => {
  expect(describeSession(facts)).toContain('````\nstdout: one\nstderr: two ``` three\n````');
});

it('cuts a big state, and says of one that is no JSON how big it is', () => {
  const withState = (bytes: Uint8Array) =>
    describeSession({
      ...facts,
      checkpoint: { epoch: 2, number: 4, digest: 'sha256:ab', size: bytes.length, bytes, commit: null },
    });
  const big = withState(Buffer.from(JSON.stringify({ text: 'x'.repeat(10_000) })));
  expect(big.length).toBeLessThan(6_000);
  expect(big).toContain('(cut; the state has 10011 bytes)');
  expect(withState(Buffer.from([0xff, 0x00]))).toContain('The state has 2 bytes and is no JSON.');
});

it('stays readable when nothing was reported', () => {
  const bare = describeSession({
    ...facts,
    usage: { seconds: 0 },
    progress: undefined,
    checkpoint: undefined,
    workspace: undefined,
    tail: [],
  });
  expect(bare).toContain('There is no checkpoint: start from the beginning');
  expect(bare).not.toMatch(/undefined|NaN/);
});

import { Measuring, type Used } from './measuring.js';

const at = new Date('2026-11-23T10:00:00Z');
let used: Used;
const start = (): Measuring => {
  used = { seconds: 0, tokens: 0 };
  return new Measuring(() => ({ ...used }));
};

it('takes the first new checkpoint of a resumed session for its first progress, not the one it began from', () => {
  const measuring = start();
  measuring.wentOnFrom({ epoch: 1, number: 3, at, digest: 'sha256:a' }, 'sha256:a');
  used = { seconds: 1, tokens: 10 };
  measuring.checkpointed('sha256:a');
  used = { seconds: 4, tokens: 50 };
  measuring.checkpointed('sha256:b');
  used = { seconds: 9, tokens: 200 };
  expect(measuring.report('continue', false)).toMatchObject({
    seconds: 9,
    tokens: 200,
    firstProgressSeconds: 4,
    firstProgressTokens: 50,
    unsavedSeconds: 0,
    resumed: { epoch: 1, number: 3, intact: true },
  });
});

it('takes a report of where it was for none', () => {
  const measuring = start();
  measuring.wentOnFrom({ epoch: 1, number: 1, at, digest: 'sha256:a' }, 'sha256:a');
  used = { seconds: 1, tokens: undefined };
  measuring.progressed({ done: 5 });
  measuring.progressed({ done: 5 });
  expect(measuring.report('continue', false).firstProgressSeconds).toBeNull();
  used = { seconds: 2, tokens: undefined };
  measuring.progressed({ done: 6 });
  expect(measuring.report('continue', false)).toMatchObject({ firstProgressSeconds: 2 });
});

it('counts as to be done again what a killed or failed program did not save', () => {
  const measuring = start();
  used = { seconds: 3, tokens: 30 };
  measuring.checkpointed('sha256:a');
  used = { seconds: 10, tokens: 100 };
  expect(measuring.report('continue', false)).toMatchObject({ unsavedSeconds: 0, unsavedTokens: 0 });
  expect(measuring.report('continue', true)).toMatchObject({ unsavedSeconds: 7, unsavedTokens: 70, killed: true });
  expect(measuring.report('failed', false)).toMatchObject({ unsavedSeconds: 7, killed: false });
  expect(measuring.report('completed', true)).toMatchObject({ unsavedSeconds: 0 });
});

it('tells that a checkpoint came back damaged', () => {
  const measuring = start();
  measuring.wentOnFrom({ epoch: 2, number: 1, at, digest: 'sha256:a' }, 'sha256:b');
  expect(measuring.report('completed', false).resumed).toEqual({
    epoch: 2,
    number: 1,
    at: at.toISOString(),
    intact: false,
  });
});

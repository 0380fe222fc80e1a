import { pullRequestBody, pullRequestTitle } from './pull-request-text.js';

const facts = { taskId: 'fix-1', result: { exitCode: 0 }, handoff: undefined };

it('takes its title from the result, and from the task when that says nothing', () => {
  expect(pullRequestTitle(facts)).toBe('Work of task fix-1');
  expect(pullRequestTitle({ ...facts, result: { title: 'Mend it\nnow', summary: 's' } })).toBe('Mend it');
  expect(pullRequestTitle({ ...facts, result: { summary: 'x'.repeat(500) } })).toHaveLength(120);
});

it('says what came of it, in a block that the result cannot end, and fits into what GitHub takes', () => {
  const body = pullRequestBody({ ...facts, result: { summary: 'Done.', log: '```' }, handoff: '# h'.repeat(50_000) });
  expect(body.startsWith('Done.\n\nOpened by Purser for task `fix-1`.')).toBe(true);
  expect(body).toContain('\n````json\n');
  expect(body).toContain('## Last handoff');
  expect(body.length).toBeLessThan(65_536);
});

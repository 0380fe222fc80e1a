import { componentsRequest, tasksGet } from '@purser/contracts';
import { answerTimeMs } from './answer-time.js';

it('lets a request of a component take as long as its client waits, and no other one', () => {
  expect(answerTimeMs(componentsRequest, { name: 'llm', timeoutMs: '120000' })).toBe(121_000);
  expect(answerTimeMs(componentsRequest, { name: 'llm' })).toBe(31_000);
  expect(answerTimeMs(componentsRequest, { name: 'llm', timeoutMs: 'long' })).toBe(10_000);
  expect(answerTimeMs(tasksGet, { id: 'a', timeoutMs: 120_000 })).toBe(10_000);
});

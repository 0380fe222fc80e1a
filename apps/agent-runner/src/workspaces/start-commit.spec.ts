import { type BranchFacts, chooseStart } from './start-commit.js';

const [BASE, DONE, NEWER, OTHER] = ['b', 'd', 'e', 'f'].map((letter) => letter.repeat(40)) as [
  string,
  string,
  string,
  string,
];
const facts: BranchFacts = {
  branch: 'purser/t',
  base: BASE,
  tip: null,
  commit: null,
  pushed: true,
  lastRunner: 'runner-a',
  known: false,
  tipContainsCommit: false,
  commitContainsTip: false,
};
const choose = (more: Partial<BranchFacts>) => chooseStart({ ...facts, ...more });

it('begins from the base, or from a branch that is there already', () => {
  expect(choose({})).toEqual({ start: BASE });
  expect(choose({ tip: OTHER })).toMatchObject({ start: OTHER, note: expect.stringContaining('already') as string });
});

it('goes on from the commit that was recorded, or from one on top of it', () => {
  expect(choose({ commit: DONE, tip: DONE, known: true })).toEqual({ start: DONE });
  expect(choose({ commit: DONE, tip: NEWER, known: true, tipContainsCommit: true })).toMatchObject({ start: NEWER });
});

it('goes on from what is here alone, when it could not be pushed or the branch was deleted', () => {
  const here = { commit: DONE, known: true };
  expect(choose(here)).toMatchObject({ start: DONE });
  expect(choose({ ...here, pushed: false, tip: BASE, commitContainsTip: true })).toMatchObject({ start: DONE });
});

it('never begins with what is older or another than the state belongs to', () => {
  expect(choose({ commit: DONE, pushed: false, tip: BASE })).toEqual({
    problem: 'its last commit dddddddddddd could not be pushed and is on the runner runner-a alone',
  });
  expect(choose({ commit: DONE, known: true, tip: OTHER })).toEqual({
    problem:
      'its state belongs to commit dddddddddddd, but the branch purser/t is at ffffffffffff, which does not contain it',
  });
  expect(choose({ commit: DONE })).toMatchObject({ problem: expect.stringContaining('not there any more') as string });
});

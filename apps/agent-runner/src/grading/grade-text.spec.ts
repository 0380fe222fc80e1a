import { readGrade } from './grade-text.js';

it.each([
  ['0.75', 0.75, null],
  ['checking...\nall tests pass\n1\n', 1, null],
  ['{"grade": 0.5, "why": "half of it"}', 0.5, 'half of it'],
  ['Here is my verdict:\n```json\n{"grade": 0, "why": "wrong"}\n```', 0, 'wrong'],
])('reads %j', (text, grade, why) => {
  expect(readGrade(text, 'g')).toEqual({ grade, why, by: 'g' });
});

it.each([
  ['', 'it said nothing'],
  ['fine, I guess', 'fine, I guess'],
  ['1.5', 'not from 0 to 1'],
  ['{"grade": "good"}', 'no grade from 0 to 1'],
  ['{"grade": -1}', 'not from 0 to 1'],
])('takes no grade from %j, and says why', (text, why) => {
  expect(readGrade(text, 'g')).toEqual({ grade: null, why: expect.stringContaining(why) as string, by: 'g' });
});

import { storable } from './storable.js';

it('replaces what Postgres refuses, at any depth, and nothing else', () => {
  const at = new Date();
  expect(storable({ 'a\0': ['x\ud83d', { b: '\0', n: 1, at, none: null }], whole: '😀é' })).toEqual({
    'a\ufffd': ['x\ufffd', { b: '\ufffd', n: 1, at, none: null }],
    whole: '😀é',
  });
});

import { unmetParameters } from './index.js';

const unsupported = ['n', 'logprobs', 'logit_bias', 'tool_choice', 'audio', 'modalities'];

it('names what a provider cannot honour', () => {
  expect(unmetParameters({ n: 2, logit_bias: { 50256: -100 }, temperature: 0 }, unsupported)).toEqual([
    'n',
    'logit_bias',
  ]);
  expect(
    unmetParameters({ logprobs: true, tool_choice: 'required', modalities: ['text', 'audio'] }, unsupported),
  ).toEqual(['logprobs', 'tool_choice', 'modalities']);
});

it('passes values that ask for nothing', () => {
  const request = { n: 1, logprobs: false, logit_bias: {}, tool_choice: 'auto', audio: null, modalities: ['text'] };
  expect(unmetParameters(request, unsupported)).toEqual([]);
});

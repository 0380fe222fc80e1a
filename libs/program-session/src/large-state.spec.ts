import { isWholeJson } from './large-state.js';

async function* parts(...texts: string[]) {
  for (const text of texts) {
    yield Buffer.from(text);
    await Promise.resolve();
  }
}

it.each([[['{"a": ', '[1, 2]}']], [[' \n', '[1,', '2]', ' \n']], [['"te', 'xt"']]])('%j is whole', async (texts) => {
  expect(await isWholeJson(parts(...texts))).toBe(true);
});

it.each([[['{"a": ', '[1, 2]']], [['[1,', ' 2,']], [['no', 'json']]])('%j is not', async (texts) => {
  expect(await isWholeJson(parts(...texts))).toBe(false);
});

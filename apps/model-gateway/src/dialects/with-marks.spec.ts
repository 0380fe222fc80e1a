import type { ChatRequest, ModelProvider } from '@purser/plugin-sdk';
import { parseBody } from '../bodies/client-body.js';
import { withMarks } from './with-marks.js';

const LONG = 'A'.repeat(200_000);
/** JSON without a quotation mark: nothing may stand in its place where it is parsed. */
const numbers = `[${'1,'.repeat(100_000)}1]`;
const request: ChatRequest = {
  model: 'm',
  max_completion_tokens: 10,
  messages: [
    { role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${LONG}` } }] },
    { role: 'assistant', content: LONG, tool_calls: [{ id: LONG, function: { name: 'f', arguments: numbers } }] },
  ],
  metadata: { note: LONG },
};
const { signal } = new AbortController();
const provider: ModelProvider = { check: () => Promise.resolve({ available: true }), cancelledCallsBill: 'full' };

async function given(takesMarks: boolean, asked: ChatRequest) {
  const { value, longTexts } = await parseBody(Buffer.from(JSON.stringify(asked)));
  return withMarks({ ...provider, takesMarks }, longTexts, value as ChatRequest, { signal });
}

it('gives whole texts to a provider that knows no marks', async () => {
  expect(await given(false, request)).toEqual([request, { signal }]);
});

it('leaves marks in contents alone, which stand for what was sent', async () => {
  const [body, { setAside }] = await given(true, request);
  expect(JSON.stringify(body.messages.map(({ content }) => content)).length).toBeLessThan(1_000);
  expect(body.messages[1]?.tool_calls).toEqual(request.messages[1]?.tool_calls);
  expect(body.metadata).toEqual(request.metadata);
  expect(JSON.parse(Buffer.concat(setAside?.fill(JSON.stringify(body)) ?? []).toString())).toEqual(request);
});

it('says nothing of marks where there are none', async () => {
  const short = { ...request, messages: [{ role: 'user', content: 'Hello' }], metadata: {} };
  expect(await given(true, short)).toEqual([short, { signal }]);
});

// Asks a model through Purser with the official OpenAI client; only the base URL and the key differ.
//   node examples/ask.mjs "What does a purser do?"
import { readFileSync } from 'node:fs';
import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: process.env.PURSER_GATEWAY_URL ?? 'http://127.0.0.1:8080/v1',
  apiKey: process.env.PURSER_KEY ?? readFileSync('.purser/admin.key', 'utf8').trim(),
});
const answer = await client.chat.completions
  .create({ model: 'code_generation', messages: [{ role: 'user', content: process.argv[2] }] })
  .withResponse()
  .catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
const { data, response } = answer;
console.log(data.choices[0].message.content);
console.log(`-- ${response.headers.get('x-purser-model')} for $${response.headers.get('x-purser-cost-usd')}`);

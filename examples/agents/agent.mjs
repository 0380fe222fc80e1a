// A complete agent in Node: asks a model one question after the other, saves each answer, and can be stopped at any moment.
//   purser task submit -- node /path/to/examples/agents/agent.mjs "First question" "Second question"
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const { PURSER_STATE_DIR: dir, PURSER_RESUME, OPENAI_BASE_URL, OPENAI_API_KEY } = process.env;
const questions = process.argv.slice(2);

/** Another file first, renamed when it is whole: Purser never sees half a checkpoint. */
function save(name, value) {
  writeFileSync(`${dir}/${name}.new`, JSON.stringify(value));
  renameSync(`${dir}/${name}.new`, `${dir}/${name}`);
}

let wrapUp = false;
process.on('SIGTERM', () => (wrapUp = true));

async function ask(question) {
  const response = await fetch(`${OPENAI_BASE_URL}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPENAI_API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'code_generation', messages: [{ role: 'user', content: question }] }),
  });
  const body = await response.json();
  if (response.ok) return body.choices[0].message.content;
  console.error(`the gateway answers ${response.status}: ${body.error?.message}`);
  // 403 is an emergency: we are about to be asked to stop. 429 and 5xx pass by themselves. The rest does not.
  if (response.status === 403 || response.status === 429 || response.status >= 500) {
    console.error(`trying again: ${response.status} ${await response.text()}`);
    return undefined;
  }
  process.exit(1);
}

const state = PURSER_RESUME === '1' ? JSON.parse(readFileSync(`${dir}/checkpoint.json`, 'utf8')) : { answers: [] };
while (state.answers.length < questions.length) {
  if (wrapUp) process.exit(75); // a fresh session goes on from the checkpoint
  const answer = await ask(questions[state.answers.length]).catch((error) => console.error(String(error)));
  if (answer === undefined) {
    await delay(1000);
    continue;
  }
  state.answers.push(answer);
  save('checkpoint.json', state);
  save('progress.json', { done: state.answers.length, total: questions.length });
  console.log(`${state.answers.length}: ${answer}`);
}
save('result.json', state);

/**
 * An agent as anybody may write one: it knows the environment, its checkpoint file, SIGTERM and exit code 75, and nothing
 * else of Purser. It asks the model once for each page, and goes on from its checkpoint.
 */
export const pageWriter = (pages: number): string[] => [
  'node',
  '-e',
  `
  const fs = require('node:fs');
  const file = process.env.PURSER_STATE_DIR + '/checkpoint.json';
  const state = process.env.PURSER_RESUME === '1' ? JSON.parse(fs.readFileSync(file, 'utf8')) : { pages: 0 };
  let wrap = false;
  process.on('SIGTERM', () => { wrap = true; });
  (async () => {
    while (state.pages < ${pages}) {
      if (wrap) process.exit(75);
      const answer = await fetch(process.env.OPENAI_BASE_URL + '/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer ' + process.env.OPENAI_API_KEY },
        body: JSON.stringify({ model: 'code_generation', max_tokens: 120, messages: [{ role: 'user', content: 'Write page ' + (state.pages + 1) + '.' }] }),
      });
      if (!answer.ok) { await new Promise((resolve) => setTimeout(resolve, 250)); continue; }
      state.pages += 1;
      fs.writeFileSync(file + '.new', JSON.stringify(state));
      fs.renameSync(file + '.new', file);
      console.log('page ' + state.pages);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  })();
  `,
];

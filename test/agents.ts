/**
 * Programs that tests submit as tasks: they know the command contract (environment, checkpoint file, SIGTERM, exit 75) and
 * nothing else of Purser. Given as `node -e` so that they run under whatever account the runner chooses.
 */

/** Does `units` units, one model call each, and keeps the count in its checkpoint; prints `unit <n>` for each one done. */
export const countingAgent = (units: number, model = 'code_generation'): string[] => [
  'node',
  '-e',
  `
  const fs = require('node:fs');
  const file = process.env.PURSER_STATE_DIR + '/checkpoint.json';
  const state = process.env.PURSER_RESUME === '1' ? JSON.parse(fs.readFileSync(file, 'utf8')) : { done: [] };
  let wrap = false;
  process.on('SIGTERM', () => { wrap = true; });
  const save = () => { fs.writeFileSync(file + '.new', JSON.stringify(state)); fs.renameSync(file + '.new', file); };
  (async () => {
    while (state.done.length < ${units}) {
      if (wrap) process.exit(75);
      const n = state.done.length + 1;
      const answer = await fetch(process.env.OPENAI_BASE_URL + '/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer ' + process.env.OPENAI_API_KEY },
        body: JSON.stringify({ model: ${JSON.stringify(model)}, max_tokens: 200, messages: [{ role: 'user', content: 'unit ' + n }] }),
      }).catch((error) => ({ ok: false, status: error.message, text: async () => '' }));
      if (!answer.ok) { console.error(answer.status, await answer.text()); await new Promise((r) => setTimeout(r, 300)); continue; }
      state.done.push({ n, session: process.env.PURSER_SESSION_ID, epoch: Number(process.env.PURSER_EPOCH) });
      save();
      console.log('unit ' + n);
    }
    fs.writeFileSync(process.env.PURSER_STATE_DIR + '/result.json', JSON.stringify({ units: state.done.length, numbers: state.done.map((one) => one.n) }));
  })();
  `,
];

/** Ticks without any model: checkpoints every 100 ms until it has ticked `ticks` times. */
export const tickingAgent = (ticks: number): string[] => [
  'node',
  '-e',
  `
  const fs = require('node:fs');
  const file = process.env.PURSER_STATE_DIR + '/checkpoint.json';
  let n = process.env.PURSER_RESUME === '1' ? JSON.parse(fs.readFileSync(file, 'utf8')).n : 0;
  process.on('SIGTERM', () => process.exit(75));
  setInterval(() => {
    n += 1;
    fs.writeFileSync(file + '.new', JSON.stringify({ n }));
    fs.renameSync(file + '.new', file);
    if (n >= ${ticks}) { console.log('ticked', n); process.exit(0); }
  }, 100);
  `,
];

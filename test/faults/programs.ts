import { createHash } from 'node:crypto';

/** The last link of the chain that `chainAgent` makes: each is the hash of the one before and its number. */
export function lastOfChain(units: number): string {
  let link = '';
  for (let n = 1; n <= units; n++) link = createHash('sha256').update(`${link}:${n}`).digest('hex');
  return link;
}

/**
 * Does `units` units of `unitMs` each. Its checkpoint is a chain of hashes, some random bytes and a seal over both; it
 * says which bytes it goes on from, refuses those that are not what it sealed, and starts a child in a session of its own
 * that does nothing but live.
 */
export const chainAgent = (units: number, unitMs: number): string[] => [
  'node',
  '-e',
  `
  const fs = require('node:fs');
  const { createHash, randomBytes } = require('node:crypto');
  const { spawn } = require('node:child_process');
  const hash = (text) => createHash('sha256').update(text).digest('hex');
  const file = process.env.PURSER_STATE_DIR + '/checkpoint.json';
  const seal = ({ n, link, noise }) => hash(n + link + noise);
  let state = { n: 0, link: '', noise: '' };
  if (process.env.PURSER_RESUME === '1') {
    const text = fs.readFileSync(file, 'utf8');
    console.log('resumed sha256:' + hash(text));
    state = JSON.parse(text);
    if (state.seal !== seal(state)) { console.error('the checkpoint is not what was sealed'); process.exit(3); }
  }
  spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
  let wrap = false;
  process.on('SIGTERM', () => { wrap = true; });
  const unit = () => {
    if (wrap) process.exit(75);
    const n = state.n + 1;
    state = { n, link: hash(state.link + ':' + n), noise: randomBytes(512).toString('base64') };
    fs.writeFileSync(file + '.new', JSON.stringify({ ...state, seal: seal(state) }));
    fs.renameSync(file + '.new', file);
    if (n < ${units}) return setTimeout(unit, ${unitMs});
    fs.writeFileSync(process.env.PURSER_STATE_DIR + '/result.json', JSON.stringify({ n, link: state.link }));
    process.exit(0);
  };
  setTimeout(unit, ${unitMs});
  `,
];

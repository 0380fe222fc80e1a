// A long job as people have them: parses every file of a folder and adds up what it finds. Knows the command contract
// (environment, checkpoint file, SIGTERM, exit 75) and nothing else of Purser; without it, it runs from start to end.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

const [folder, unitMs = '0'] = process.argv.slice(2);
const stateDir = process.env.PURSER_STATE_DIR;
const checkpoint = stateDir && join(stateDir, 'checkpoint.json');
const resume = process.env.PURSER_RESUME === '1';
const names = readdirSync(folder).sort();

const state = resume
  ? JSON.parse(readFileSync(checkpoint, 'utf8'))
  : { next: 0, bytes: 0, lines: 0, keys: 0, scripts: 0, words: {}, digest: '' };

let wrap = false;
process.on('SIGTERM', () => (wrap = true));

function countKeys(value) {
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce(
    (sum, one) => sum + countKeys(one),
    Array.isArray(value) ? 0 : Object.keys(value).length,
  );
}

function take(name) {
  const text = readFileSync(join(folder, name), 'utf8');
  state.bytes += Buffer.byteLength(text);
  state.lines += text.split('\n').length;
  if (name.endsWith('.json')) state.keys += countKeys(JSON.parse(text));
  else {
    try {
      new Script(text, { filename: name });
      state.scripts += 1;
    } catch {
      // A module: its words count all the same.
    }
  }
  for (const [word] of text.matchAll(/\b(?:import|export|function|class|return|await|const)\b/g))
    state.words[word] = (state.words[word] ?? 0) + 1;
  state.digest = createHash('sha256').update(state.digest).update(text).digest('hex');
  state.next += 1;
}

function save(file, content) {
  writeFileSync(`${file}.new`, JSON.stringify(content));
  renameSync(`${file}.new`, file);
}

while (state.next < names.length) {
  if (wrap) {
    save(checkpoint, state);
    process.exit(75);
  }
  take(names[state.next]);
  if (checkpoint && state.next % 25 === 0) save(checkpoint, state);
  await new Promise((resolve) => setTimeout(resolve, Number(unitMs)));
}
if (stateDir) save(join(stateDir, 'result.json'), state);
else console.log(JSON.stringify(state));

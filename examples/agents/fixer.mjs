// A fixer: works off what scout.mjs found. It mends one link of one file in its work tree; Purser commits that on a
// branch of the task, pushes it, and opens a pull request where GitHub is configured.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, posix } from 'node:path';

const { PURSER_STATE_DIR: dir } = process.env;
const [file, link] = process.argv.slice(2);
if (!file || !link) throw new Error('usage: node fixer.mjs <file> <link>');

const files = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(Boolean);
const named = files.filter((name) => basename(name) === basename(link));
if (named.length !== 1) {
  console.error(`${named.length} files are named ${basename(link)}: a person has to say which is meant`);
  process.exit(1);
}

const mended = posix.relative(dirname(file), named[0]);
const text = readFileSync(file, 'utf8');
// A session that went on after a crash finds it mended already, and there is nothing to do.
const after = text.replaceAll(`](${link})`, `](${mended})`).replaceAll(`](${link}#`, `](${mended}#`);
if (after !== text) writeFileSync(file, after);
const summary = `The link to \`${link}\` led nowhere; the file is at \`${named[0]}\`.`;
writeFileSync(`${dir}/result.json`, JSON.stringify({ title: `Mend a link in ${file}`, summary, file, link, mended }));
console.log(summary);

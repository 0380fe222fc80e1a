import { basename } from 'node:path';
import type { Profile } from '@purser/contracts';
import type { ScannedModule } from '../components/module.js';
import { heavyImports } from './heavy-imports.js';
import { scriptName, type SourceFacts } from './source-facts.js';

export type Estimate = Omit<Profile, 'profiledAt'>;

/** What a module takes that imports nothing, with what the interpreter adds to it. */
const BARE_MB = 2;
/** Per import of something light, and per MiB of source as it is compiled and kept. */
const IMPORT_MB = 0.5;
const SOURCE_FACTOR = 8;
/** What is not known is taken for more rather than less. */
const CAUTION = 1.25;
/** Time to import, by what it brings into memory: some 150 MiB a second from a warm disk. */
const MB_PER_SECOND = 150;

/** From sources that were read and not run: rather too much than too little. */
export function estimate(
  { language, path }: Pick<ScannedModule, 'language' | 'path'>,
  facts: readonly SourceFacts[],
  dependencies: readonly string[],
): Estimate {
  const imports = [...new Set([...facts.flatMap((one) => one.imports), ...dependencies])];
  const heavy = heavyImports(language, imports);
  const sourceBytes = sum(facts.map(({ bytes }) => bytes));
  const heavyMb = sum(heavy.map(({ memoryMb }) => memoryMb));
  const lightMb = BARE_MB + imports.length * IMPORT_MB + (sourceBytes / 1024 ** 2) * SOURCE_FACTOR;
  const memoryMb = rounded((heavyMb + lightMb) * CAUTION);
  const unread = facts.filter(({ error }) => error !== null);
  return {
    evidence: 'static',
    memoryMb,
    startSeconds: rounded(memoryMb / MB_PER_SECOND),
    cpuSeconds: null,
    heavyImports: heavy,
    imports: imports.length,
    classes: sum(facts.map(({ classes }) => classes)),
    sourceBytes,
    executable: facts.length === 1 ? (facts[0]?.executable ?? scriptName(basename(path))) : null,
    note: unread.length === 0 ? null : unreadNote(unread, facts.length),
  };
}

const unreadNote = (unread: readonly SourceFacts[], all: number): string =>
  `${unread.length} of ${all} files could not be read: ${basename(unread[0]?.file ?? '')}: ${unread[0]?.error}`;

const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0);
const rounded = (value: number): number => Math.round(value * 10) / 10;

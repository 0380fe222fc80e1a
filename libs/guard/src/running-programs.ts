import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type ProcessEntry, processTable } from './process-table.js';

export interface RunningProgram extends ProcessEntry {
  argv: string[];
}

/** Every process that can be seen, with what it was started as; the kernel's own are left out. */
export function runningPrograms(): RunningProgram[] {
  const commands = process.platform === 'linux' ? undefined : psCommands();
  return processTable.list().flatMap((entry) => {
    const argv = commands ? commands.get(entry.pid) : procArgv(entry.pid);
    return argv === undefined || argv.length === 0 ? [] : [{ ...entry, argv }];
  });
}

/** Programs that run others: what matters then is the script. */
const INTERPRETERS = /^(node|nodejs|bun|deno|python[\d.]*|ruby|perl|php|java|sh|bash|dash|zsh|ksh)$/;

/** What people call it: the name of its program, and of the script that an interpreter runs. */
export function namesOf({ argv }: Pick<RunningProgram, 'argv'>): string[] {
  const [program = '', ...rest] = argv;
  // A login shell's name begins with a dash, and nginx and others write more than a name there.
  const name = basename(program.split(' ', 1)[0] ?? '').replace(/^-/, '');
  const script = INTERPRETERS.test(name) ? rest.find((argument) => !argument.startsWith('-')) : undefined;
  return script === undefined ? [name] : [name, basename(script)];
}

/**
 * The variables that a process was started with. Undefined where they cannot be told: it is gone, of another user, or
 * this is no Linux.
 */
export function environmentOf(pid: number): Map<string, string> | undefined {
  const text = process.platform === 'linux' ? readProc(pid, 'environ') : undefined;
  if (text === undefined || text === '') return undefined;
  return new Map(
    text.split('\0').flatMap((line): [string, string][] => {
      const at = line.indexOf('=');
      return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

function procArgv(pid: number): string[] | undefined {
  return readProc(pid, 'cmdline')?.split('\0').slice(0, -1);
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

function psCommands(): Map<number, string[]> {
  const output = execFileSync('/bin/ps', ['-axww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    timeout: 5_000,
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return new Map(
    output
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const [pid, ...argv] = line.trim().split(/\s+/);
        return [Number(pid), argv];
      }),
  );
}

import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import type { LogSink } from '@purser/service';
import type { Terminal } from '../terminal.js';
import { printable } from '../output/table.js';

const MAX_BYTES = 20 * 1024 * 1024;

/** All services' logs in one file of JSON lines. At 20 MiB it becomes `<file>.1`, over the one that had this name. */
export class LogFile implements LogSink {
  private fd: number;
  private size: number;

  constructor(
    private readonly file: string,
    private readonly onLine: (line: string) => void,
    private readonly maxBytes = MAX_BYTES,
  ) {
    this.fd = openSync(file, 'a', 0o600);
    this.size = fstatSync(this.fd).size;
  }

  write(line: string): void {
    try {
      if (this.size > this.maxBytes) this.rotate();
      this.size += writeSync(this.fd, line);
    } catch {
      // A full disk must not stop the services; warnings still reach the terminal.
    }
    this.onLine(line);
  }

  private rotate(): void {
    renameSync(this.file, `${this.file}.1`);
    const old = this.fd;
    this.fd = openSync(this.file, 'a', 0o600);
    closeSync(old);
    this.size = 0;
  }
}

interface LogLine {
  level?: string;
  time?: string;
  service?: string;
  msg?: string;
  error?: { message?: string };
  [field: string]: unknown;
}

const SHOWN = new Set(['warn', 'error', 'fatal']);
const OWN_FIELDS = new Set(['level', 'time', 'service', 'instance', 'msg', 'error', 'traceId']);
const MAX_SHOWN = 400;

/** A log line as a person at the terminal should see it; undefined when it is only for the file. */
export function terminalLine(line: string, style: Terminal['style']): string | undefined {
  if (!/"level":"(?:warn|error|fatal)"/.test(line)) return undefined;
  let entry: LogLine;
  try {
    entry = JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
  if (!SHOWN.has(entry.level ?? '')) return undefined;
  const time = new Date(entry.time ?? Date.now()).toTimeString().slice(0, 8);
  const fields = Object.entries(entry)
    .filter(([name]) => !OWN_FIELDS.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const reason = entry.error?.message;
  const text = [entry.msg ?? '', ...(reason ? [`(${reason})`] : []), ...fields].join(' ');
  const mark = entry.level === 'warn' ? style('yellow', 'warning') : style('red', 'error');
  return `${time} ${mark} ${entry.service ?? ''}: ${printable(text.slice(0, MAX_SHOWN))}\n`;
}

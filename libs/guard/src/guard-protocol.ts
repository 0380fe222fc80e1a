import type { Duplex } from 'node:stream';

/** Ids that a program runs under when Purser was started as root. */
export interface RunAs {
  uid: number;
  gid: number;
}

export interface StartProgram {
  do: 'start';
  sessionId: string;
  argv: string[];
  cwd: string;
  env: Record<string, string>;
  runAs?: RunAs;
  /** The program reads what the runner writes; otherwise its input is empty. */
  input?: boolean;
  /** Folders that the program must be able to enter. */
  folders: string[];
  /** The runner's own PID namespace: when the guard finds itself in another, all it sees there is the session's. */
  runnerNamespace?: string;
  /** How long the program may go on until the first `alive`; absent when it needs none. */
  aliveWithinMs?: number;
}

/** What the runner asks of the guard, one JSON object a line. */
export type GuardRequest =
  | StartProgram
  /** The runner's process runs. When it says nothing more for `withinMs`, everything is killed. */
  | { do: 'alive'; withinMs: number }
  | { do: 'terminate' }
  | { do: 'kill' }
  | { do: 'measure' };

/** What the guard says, one JSON object a line. */
export type GuardReport =
  | { event: 'started'; pid: number }
  /** `code` is that of the system (`ENOENT`), or `UNREACHABLE` with the folder that the user may not enter. */
  | { event: 'unstarted'; code: string; message: string; folder?: string }
  | { event: 'exited'; code: number | null; signal: string | null }
  /** Everything is killed, as the runner gave no sign of life within this time. */
  | { event: 'deserted'; withinMs: number }
  | { event: 'memory'; mb: number }
  /** The last report: how many processes could not be killed (stuck in the kernel), normally none. */
  | { event: 'cleared'; survivors: number };

export function sendLine(channel: Duplex, message: GuardRequest | GuardReport): void {
  if (channel.writable) channel.write(`${JSON.stringify(message)}\n`);
}

/** Calls `take` with every message that arrives. Both ends are ours, so a line that does not parse is a defect and throws. */
export function onLine<Message>(channel: Duplex, take: (message: Message) => void): void {
  let rest = '';
  channel.setEncoding('utf8');
  channel.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(JSON.parse(line) as Message);
  });
}

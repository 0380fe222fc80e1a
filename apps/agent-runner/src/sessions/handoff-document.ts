import type { Progress } from '@purser/contracts';
import type { Usage } from '../resources/resources.service.js';

export interface HandoffFacts {
  taskId: string;
  sessionId: string;
  epoch: number;
  at: Date;
  /** Why the session ended. */
  reason: string;
  /** What the executor said of it, where that says more. */
  detail: string | undefined;
  usage: Usage;
  progress: Progress | undefined;
  checkpoint: { epoch: number; number: number; digest: string; bytes: Uint8Array } | undefined;
  /** What was done about the workspace, if anything was. */
  workspace: string | undefined;
  tail: readonly string[];
}

const STATE_LIMIT = 4 * 1024;
const LINE_LIMIT = 500;

const section = (title: string, lines: readonly string[]): string[] => ['', `## ${title}`, '', ...lines];

/** Longer than any run of backticks within, so that what a program printed cannot end the block. */
function block(text: string, language = ''): string[] {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}${language}`, text, fence];
}

function used({ seconds, tokens, requests, memoryMb }: Usage): string[] {
  const lines = [`- time: ${seconds.toFixed(1)} s`];
  if (tokens !== undefined)
    lines.push(`- tokens: ${tokens}${requests === undefined ? '' : ` in ${requests} requests`}`);
  if (memoryMb !== undefined) lines.push(`- memory: ${memoryMb.toFixed(0)} MiB`);
  return lines;
}

function reached({ done, total, note }: Progress): string {
  const count = done === undefined ? undefined : `${done}${total === undefined ? '' : ` of ${total}`}`;
  return [count, note].filter((part) => part !== undefined).join(', ') || 'reported, without figures';
}

function pretty(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('utf8');
  let shown: string;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return [`The state has ${bytes.length} bytes and is no JSON.`];
  }
  const cut = shown.length > STATE_LIMIT;
  return [
    ...block(shown.slice(0, STATE_LIMIT), 'json'),
    ...(cut ? [`(cut; the state has ${bytes.length} bytes)`] : []),
  ];
}

function nextStep(checkpoint: HandoffFacts['checkpoint']): string {
  return checkpoint
    ? 'Go on from the checkpoint above: it is given back to the session as it was saved. What was done after it is not in it; look at the workspace and the log.'
    : 'There is no checkpoint: start from the beginning, but look at the workspace and the log for what is done already.';
}

/** What is known of a session that left no handoff document itself: facts alone, no model is asked. */
export function describeSession(facts: HandoffFacts): string {
  const { taskId, sessionId, epoch, at, reason, detail, usage, progress, checkpoint, workspace, tail } = facts;
  const mark = checkpoint && `number ${checkpoint.number} of epoch ${checkpoint.epoch}, ${checkpoint.digest}`;
  return [
    `# Handoff of task ${taskId}`,
    '',
    `Session ${sessionId} (epoch ${epoch}) ended at ${at.toISOString()}: ${reason}.`,
    ...(detail === undefined || detail === reason ? [] : ['', `The executor says: ${detail}`]),
    '',
    'The program left no handoff document; this one was put together from what was recorded.',
    ...section('Used', used(usage)),
    ...section('Progress', [progress ? reached(progress) : 'none was reported']),
    ...section('Last checkpoint', checkpoint ? [`${mark}`, '', ...pretty(checkpoint.bytes)] : ['none']),
    ...(workspace === undefined ? [] : section('Workspace', [workspace])),
    ...section(
      'Last log lines',
      tail.length === 0 ? ['none'] : block(tail.map((line) => line.slice(0, LINE_LIMIT)).join('\n')),
    ),
    ...section('Next', [nextStep(checkpoint)]),
    '',
  ].join('\n');
}

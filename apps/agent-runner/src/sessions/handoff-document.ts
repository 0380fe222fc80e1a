import type { Progress } from '@purser/contracts';
import type { StoredCheckpoint } from '../records/checkpoints.repository.js';
import type { Usage } from '../resources/resources.service.js';
import { withoutSecrets } from './without-secrets.js';

export interface HandoffFacts {
  taskId: string;
  sessionId: string;
  epoch: number;
  at: Date;
  executor: string;
  input: Record<string, unknown>;
  /** Why the session ended. */
  reason: string;
  /** What the executor said of it, where that says more. */
  detail: string | undefined;
  usage: Usage;
  progress: Progress | undefined;
  checkpoint: Pick<StoredCheckpoint, 'epoch' | 'number' | 'digest' | 'size' | 'bytes' | 'commit'> | undefined;
  /** What was done about the workspace, if anything was. */
  workspace: string | undefined;
  tail: readonly string[];
}

const INPUT_LIMIT = 2 * 1024;
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

function pretty(bytes: Uint8Array, size: number): string[] {
  const text = Buffer.from(bytes).toString('utf8');
  let shown: string;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return [`The state has ${size} bytes and is no JSON.`];
  }
  const cut = shown.length > STATE_LIMIT;
  return [...block(shown.slice(0, STATE_LIMIT), 'json'), ...(cut ? [`(cut; the state has ${size} bytes)`] : [])];
}

function stateOf(checkpoint: HandoffFacts['checkpoint']): string[] {
  if (!checkpoint) return ['No checkpoint.'];
  const { epoch, number, digest, bytes, size, commit } = checkpoint;
  const belongs = commit === null ? '' : ` It belongs to commit ${commit} of the workspace.`;
  const mark = `Checkpoint number ${number} of epoch ${epoch}, ${digest}, ${size} bytes.${belongs}`;
  return bytes === null ? [mark] : [mark, '', ...pretty(bytes, size)];
}

function nextStep(checkpoint: HandoffFacts['checkpoint']): string {
  return checkpoint
    ? 'Go on from the checkpoint above: it is given back to the session as it was saved. What was done after it is not in it; look at the workspace and the log.'
    : 'There is no checkpoint: start from the beginning, but look at the workspace and the log for what is done already.';
}

const clipped = (text: string, limit: number) => (text.length > limit ? `${text.slice(0, limit)} ... (cut)` : text);

/**
 * What is known of a session that left no handoff document itself: facts alone, no model is asked. Sections are always
 * the same, so that a program can find its way in them.
 */
export function describeSession(facts: HandoffFacts): string {
  const { taskId, sessionId, epoch, at, reason, detail, usage, progress, checkpoint, workspace, tail } = facts;
  return [
    `# Handoff of task ${taskId}`,
    '',
    `Session ${sessionId} (epoch ${epoch}) ended at ${at.toISOString()}: ${reason}.`,
    ...(detail === undefined || detail === reason ? [] : ['', `The executor says: ${detail}`]),
    '',
    'The program left no handoff document; this one was put together from what was recorded.',
    ...section('Task', [
      `Executor \`${facts.executor}\` with this input:`,
      '',
      ...block(clipped(JSON.stringify(withoutSecrets(facts.input), null, 2), INPUT_LIMIT), 'json'),
    ]),
    ...section('Done', [
      progress ? reached(progress) : 'No progress was reported.',
      ...(workspace === undefined ? [] : ['', workspace]),
    ]),
    ...section('State', stateOf(checkpoint)),
    ...section('Next action', [nextStep(checkpoint)]),
    ...section('Open questions', ['None was recorded.']),
    ...section('Resources used', used(usage)),
    ...section('Decisions', ['None was recorded.']),
    ...section(
      'Last log lines',
      tail.length === 0 ? ['None.'] : block(tail.map((line) => line.slice(0, LINE_LIMIT)).join('\n')),
    ),
    '',
  ].join('\n');
}

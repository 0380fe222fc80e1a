import type { Task } from '@purser/contracts';

interface Failed {
  error: Task['error'];
  checkpoint: boolean;
}

const MEANINGS: Record<string, string> = {
  poison:
    'Its runner died, or lost its connection, again and again while the task ran: a program that takes all memory does that. Give it limits.memoryMb, or look at what the runner’s machine says',
  no_progress:
    'Its sessions ended without having moved its checkpoint: the unit of work may be larger than a session, so that a higher limit helps, or the program waits for something',
  max_sessions:
    'It was not done after as many sessions as it may take: retry it with a higher maxSessions if it did get on',
  deadline: 'It was not done in time; a retry has no deadline that has passed',
  budget_refused: 'Its budget was not taken, so no session began',
  dependency_failed: 'It never ran: retry what it depends on first, and this one then waits for that retry',
  no_executor: 'No session could do such work: start a runner that has the executor',
  invalid_input: 'Its input is not what its executor takes: submit a new task with another input',
  not_found: 'Its program is not there on the runner',
};

/** What a failure means, and what a retry does. For people; programs look at the code. */
export function diagnosis({ error, checkpoint }: Failed): string {
  const code = error?.code ?? '';
  const meaning = MEANINGS[code] ?? exitOf(code);
  const retry = checkpoint
    ? 'A retry goes on from its last checkpoint, or begins afresh if that is what breaks it'
    : 'It left no checkpoint, so a retry begins afresh';
  return `${meaning}. ${retry}.`;
}

function exitOf(code: string): string {
  if (code.startsWith('exit_'))
    return `Its program ended with code ${code.slice('exit_'.length)}, after as many retries as were asked for`;
  if (code.startsWith('signal_'))
    return `Its program was ended by ${code.slice('signal_'.length)}, after as many retries as were asked for`;
  return 'It failed after as many retries as were asked for';
}

import { clip, oneLine } from '@purser/plugin-sdk';
import { openCalls } from './conversation.js';
import type { AnswerMessage, ChatState, Message } from './state.js';

const MOST_CALLS = 30;
const MOST_GOAL = 4_000;

export interface SessionFigures {
  turns: number;
  tokens: number;
  seconds: number;
}

const section = (title: string, lines: readonly string[]): string[] => ['', `## ${title}`, '', ...lines];
const isAnswer = (message: Message): message is AnswerMessage => message.role === 'assistant';

export function resourcesUsed({ turns, tokens, seconds }: SessionFigures): string {
  const lines = [
    `- answers of the model in this session: ${turns}`,
    `- tokens: ${tokens}`,
    `- time: ${seconds.toFixed(1)} s`,
  ];
  return section('Resources used', lines).join('\n');
}

/** What is known without asking a model: for when there is no time, no money or no model. */
export function plainHandoff(goal: string, state: ChatState, reason: string): string {
  const answers = state.messages.filter(isAnswer);
  const calls = answers.flatMap((answer) => answer.calls);
  const shown = calls.slice(-MOST_CALLS).map(({ name, arguments: given }) => `- ${name} ${clip(oneLine(given), 200)}`);
  const left = calls.length > MOST_CALLS ? [`- (${calls.length - MOST_CALLS} calls before)`] : [];
  const last = answers.findLast(({ text }) => text !== '')?.text;
  const open = openCalls(state);
  return [
    '# Handoff',
    '',
    `The session ended: ${reason}. This document was put together from the conversation; no model wrote it.`,
    ...section('Task', [clip(goal, MOST_GOAL)]),
    ...section('Done', calls.length === 0 ? ['No tool was called.'] : [...left, ...shown]),
    ...section('State', [
      `${state.turns} answers of the model over all sessions. The conversation is in the checkpoint, and the next session is given it.`,
      ...(open.length === 0 ? [] : [`Calls without a result: ${open.map(({ name }) => name).join(', ')}.`]),
      ...(state.summary === undefined ? [] : ['', 'Written down before:', '', state.summary]),
    ]),
    ...section('Next action', [last === undefined ? 'Begin with the task.' : `Go on from here: ${clip(last, 2_000)}`]),
    ...section('Open questions', ['None were written down.']),
    ...section('Decisions', ['None were written down.']),
  ].join('\n');
}

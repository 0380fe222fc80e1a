import { clip, oneLine } from '@purser/plugin-sdk';
import { addResult } from '../conversation/conversation.js';
import { FINISH } from '../conversation/prompts.js';
import type { ToolCall } from '../conversation/state.js';
import type { Room } from '../conversation/window.js';
import { parseArguments } from '../tools/arguments.js';
import type { ToolResult } from '../tools/tool.js';
import type { Accepted } from './accept-answer.js';
import type { Chat } from './context.js';

const MOST_CALLS = 32;
const SIDE_BY_SIDE = 8;
const MOST_RESULT = 48_000;
const LEAST_RESULT = 1_000;
/** All results of one turn, as a share of what the conversation may have. */
const RESULTS_SHARE = 0.4;

/** Calls that only read go together, any other by itself, in the order that the model gave. */
export function grouped(calls: readonly ToolCall[], reads: (call: ToolCall) => boolean): ToolCall[][] {
  const groups: ToolCall[][] = [];
  for (const call of calls) {
    const group = groups.at(-1);
    const joins = group !== undefined && group.length < SIDE_BY_SIDE && reads(call) && reads(group[0]!);
    if (joins) group.push(call);
    else groups.push([call]);
  }
  return groups;
}

/** Carries out the calls of one answer. Those that are left out since the session ends stay without a result. */
export class ToolTurn {
  private readonly chat: Chat;
  private readonly accepted: Accepted;
  private readonly most: number;
  private failures = 0;

  constructor(chat: Chat, accepted: Accepted, room: Room) {
    this.chat = chat;
    this.accepted = accepted;
    const share = Math.floor((room.bytes * RESULTS_SHARE) / Math.max(1, accepted.message.calls.length));
    this.most = Math.max(LEAST_RESULT, Math.min(MOST_RESULT, share));
  }

  /** The result of the task, when the model ended it. */
  async run(): Promise<{ result: unknown } | undefined> {
    const { calls } = this.accepted.message;
    const { state, stop } = this.chat;
    const others = calls.slice(0, MOST_CALLS).filter(({ name }) => name !== FINISH);
    for (const group of grouped(others, (call) => this.isHarmless(call))) {
      if (stop.asked !== undefined) return undefined;
      await this.runGroup(group);
    }
    for (const { id } of calls.slice(MOST_CALLS))
      this.answer(id, `NOT CARRIED OUT: at most ${MOST_CALLS} calls at a time`);
    for (const call of calls.slice(0, MOST_CALLS).filter(({ name }) => name === FINISH)) {
      const finished = this.finish(call);
      if (finished) state.finished = finished;
    }
    return state.finished === undefined ? undefined : { result: state.finished.result };
  }

  /** Such calls cannot have happened halfway. */
  private isHarmless(call: ToolCall): boolean {
    return this.accepted.wrong.has(call.id) || this.chat.tools.reads(call.name);
  }

  private async runGroup(group: ToolCall[]): Promise<void> {
    const { state, saving } = this.chat;
    const [first] = group;
    if (!this.isHarmless(first!)) {
      // Known before it begins, so that after a crash it is not taken for one that never was.
      state.started = first!.id;
      await saving.save(state);
    }
    const results = await Promise.all(group.map((call) => this.runOne(call)));
    for (const [index, call] of group.entries()) this.answer(call.id, results[index]!.text);
    this.failures += results.filter(({ failed }) => failed === true).length;
    delete state.started;
  }

  private async runOne(call: ToolCall): Promise<ToolResult> {
    const { tools, stop, log, show } = this.chat;
    const wrong = this.accepted.wrong.get(call.id);
    log.say(show(`${call.name} ${clip(oneLine(call.arguments), 300)}`));
    if (wrong !== undefined) return { failed: true, text: wrong };
    const result = await tools.run(call, { signal: stop.unit, most: this.most });
    if (result.failed) log.say(show(`${call.name}: ${clip(oneLine(result.text), 300)}`));
    return result;
  }

  private finish(call: ToolCall): { result: unknown } | undefined {
    const wrong = this.accepted.wrong.get(call.id);
    if (wrong !== undefined) {
      this.answer(call.id, wrong);
      return undefined;
    }
    if (this.failures > 0) {
      this.answer(
        call.id,
        `ERROR: the task is not ended, as another call of this answer failed. Look at it, then call ${FINISH} again.`,
      );
      return undefined;
    }
    const args = parseArguments(call.arguments);
    this.answer(call.id, 'The task is ended.');
    return { result: 'result' in args ? args.result : args };
  }

  private answer(id: string, text: string): void {
    addResult(this.chat.state, id, text);
  }
}

import { clip, type ExecutorResult, oneLine } from '@purser/plugin-sdk';
import { closeOpenCalls, repeats } from '../conversation/conversation.js';
import {
  ASK_IF_DONE,
  finishTool,
  GO_ON,
  LAST_TURN,
  openingText,
  repeatedNote,
  resumedNote,
  systemText,
} from '../conversation/prompts.js';
import type { AnswerMessage } from '../conversation/state.js';
import { bytesOf, measureTokens, type Room, roomFor, sizeOf } from '../conversation/window.js';
import type { ModelAnswer } from '../model/answer.js';
import { ModelRefusal } from '../model/refusal.js';
import type { Question } from '../model/request.js';
import type { ToolDescription } from '../tools/tool.js';
import { acceptAnswer, NOTHING } from './accept-answer.js';
import type { Chat } from './context.js';
import { endOf, learnWindow } from './refused.js';
import { makeRoom } from './making-room.js';
import { failed, SessionOver } from './session-over.js';
import { enoughForATurn } from './session-tokens.js';
import { ToolTurn } from './tool-turn.js';
import { wrapUp } from './wrap-up.js';

/** Turns with the same calls and the same results in a row: the model is told, and then stopped. */
const REPEATS_TOLD = 4;
const REPEATS_STOPPED = 10;
/** How often a conversation is made smaller, in a row, because a provider calls it too long. */
const MOST_TOO_LONG = 4;

/** Plan, act, observe: one session's part of a conversation. */
export class ChatSession {
  private readonly chat: Chat;
  private readonly descriptions: ToolDescription[];
  private readonly system: string;
  /** Said once, at the end of the next request. */
  private note: string | undefined;

  constructor(chat: Chat) {
    this.chat = chat;
    this.descriptions = [...chat.tools.descriptions, finishTool];
    this.system = systemText(chat.input);
  }

  async run(): Promise<ExecutorResult> {
    const { state, stop, log, session } = this.chat;
    const { handoff } = session;
    if (state.turns > 0 || handoff !== undefined) {
      this.note = resumedNote(handoff === state.summary ? undefined : handoff);
    }
    const open = closeOpenCalls(state, (name) => this.chat.tools.reads(name));
    if (open > 0) log.say(`${open} calls of the last session have no known result; the model is told so`);
    for (;;) {
      if (stop.asked !== undefined) return wrapUp(this.chat, stop.asked, this.room, true);
      try {
        const result = await this.turn();
        if (result) return result;
      } catch (error) {
        if (error instanceof ModelRefusal && !stop.unit.aborted) return this.refused(error);
        if (error instanceof SessionOver || stop.asked === undefined) throw error;
        // Cut off in the middle of a turn: what was not saved of it is not gone on from.
        log.say('the turn at hand was cut off');
      }
    }
  }

  private get room(): Room {
    const { state, input } = this.chat;
    const fixed = bytesOf(this.descriptions) + Buffer.byteLength(this.system) + Buffer.byteLength(input.goal) + 500;
    return roomFor(state, input, fixed);
  }

  private async turn(): Promise<ExecutorResult | undefined> {
    const { state, input, saving, session, inbox } = this.chat;
    if (state.turns >= input.maxTurns) {
      return failed('max_turns', `the task was not ended within ${input.maxTurns} answers of the model (maxTurns)`);
    }
    inbox.take(state);
    await makeRoom(this.chat, this.room);
    const short = enoughForATurn(this.chat, this.room);
    if (short !== undefined) return wrapUp(this.chat, short, this.room, true);
    const answer = await this.ask();
    state.turns += 1;
    this.chat.used.turns += 1;
    delete state.handedOff;
    const accepted = acceptAnswer(answer, state.turns);
    state.messages.push(accepted.message);
    this.tell(accepted.message);
    if (accepted.message.calls.length === 0) return this.withoutCalls(accepted.message, answer.finish);
    delete state.asked;
    await saving.save(state);
    const ended = await new ToolTurn(this.chat, accepted, this.room).run();
    session.progress({ done: state.turns, note: this.noteOf(accepted.message) });
    await saving.save(state);
    if (ended) return { kind: 'completed', result: ended.result };
    return this.watchRepeats();
  }

  private async ask(): Promise<ModelAnswer> {
    const { state, input, model, stop, saving, log, show } = this.chat;
    for (let tooLong = 0; ; tooLong += 1) {
      const notes = [this.note, state.turns + 1 === input.maxTurns ? LAST_TURN : undefined];
      const question: Question = {
        system: this.system,
        opening: openingText(input, state.summary),
        messages: [
          ...state.messages,
          ...notes.flatMap((text) => (text === undefined ? [] : [{ role: 'user' as const, text }])),
        ],
        tools: this.descriptions,
      };
      try {
        const { answer, requestBytes } = await model.ask(question, stop.unit);
        if (answer.usage) measureTokens(state, requestBytes, answer.usage.promptTokens);
        if (this.note !== undefined) state.messages.push({ role: 'user', text: this.note });
        this.note = undefined;
        return answer;
      } catch (error) {
        if (!(error instanceof ModelRefusal) || error.refusal.kind !== 'too_long' || tooLong >= MOST_TOO_LONG)
          throw error;
        log.say(show(`the conversation is too long for the model: ${error.message}`));
        learnWindow(state, this.room, error.refusal.windowTokens);
        await makeRoom(this.chat, { ...this.room, bytes: Math.min(this.room.bytes, Math.floor(sizeOf(state) * 0.7)) });
        await saving.save(state);
      }
    }
  }

  private async withoutCalls(message: AnswerMessage, finish: string | undefined): Promise<ExecutorResult | undefined> {
    const { state, saving } = this.chat;
    if (finish === 'length' && message.text !== NOTHING) {
      state.messages.push({ role: 'user', text: GO_ON });
      await saving.save(state);
      return undefined;
    }
    if (!state.asked) {
      state.asked = true;
      state.messages.push({ role: 'user', text: ASK_IF_DONE });
      await saving.save(state);
      return undefined;
    }
    // Asked once already: then what it says is what there is.
    const said = state.messages.filter((one): one is AnswerMessage => one.role === 'assistant').slice(-2);
    const texts = said.filter(({ calls, text }) => calls.length === 0 && text !== NOTHING).map(({ text }) => text);
    await saving.save(state);
    if (texts.length === 0) return failed('no_answer', 'the model answered with nothing, twice');
    state.finished = { result: texts.join('\n\n') };
    await saving.save(state);
    return { kind: 'completed', result: state.finished.result };
  }

  private watchRepeats(): ExecutorResult | undefined {
    const times = repeats(this.chat.state, REPEATS_STOPPED);
    if (times >= REPEATS_STOPPED) {
      return failed('loop', `the model made the same calls ${times} times in a row, with the same results`);
    }
    if (times >= REPEATS_TOLD) this.note = repeatedNote(times);
    return undefined;
  }

  private async refused({ refusal }: ModelRefusal): Promise<ExecutorResult> {
    const { end, byModel } = await endOf(refusal, this.chat);
    if (end.kind !== 'continue') return end;
    const wrapped = await wrapUp(this.chat, end.reason, this.room, byModel);
    return { ...end, ...wrapped };
  }

  private noteOf({ text, calls }: AnswerMessage): string {
    return clip(this.chat.show(oneLine(text) || calls.map(({ name }) => name).join(', ')), 300);
  }

  private tell({ text, calls }: AnswerMessage): void {
    const { log, show, state, used } = this.chat;
    const what = calls.length === 0 ? 'no call' : `${calls.length} ${calls.length === 1 ? 'call' : 'calls'}`;
    log.say(`turn ${state.turns}: ${what}; ${used.tokens} tokens in this session`);
    for (const line of show(text).split('\n').slice(0, 200)) {
      if (line.trim() !== '') void log.take('stdout', clip(line, 4_000));
    }
  }
}

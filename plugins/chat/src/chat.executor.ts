import {
  conceal,
  type Executor,
  type ExecutorResult,
  type ExecutorSession,
  reasonOf,
  SessionLog,
} from '@purser/plugin-sdk';
import { type ChatState, emptyState, readState } from './conversation/state.js';
import { MOST_UNASKED, replaceBySummary, roomFor, sizeOf } from './conversation/window.js';
import { ChatInput } from './input.js';
import { McpServers, secretsOf } from './mcp/mcp-tools.js';
import { GatewayModel } from './model/gateway-model.js';
import { RETRIES, type Retries } from './model/retries.js';
import { type ProgramOptions, SessionPrograms } from './programs/session-programs.js';
import { shellTool } from './programs/shell-tool.js';
import { ChatSession } from './session/chat-session.js';
import { Inbox } from './session/inbox.js';
import { Saving } from './session/saving.js';
import { failed, SessionOver } from './session/session-over.js';
import { StopTimes } from './session/stop-times.js';
import { Toolset } from './tools/toolset.js';
import type { Tool } from './tools/tool.js';
import { ConfinedFolder } from './workspace/confined-folder.js';
import { readingTools, writingTools } from './workspace/file-tools.js';

export interface ChatExecutorOptions extends ProgramOptions {
  retries?: Retries;
}

/** A conversation that is longer than this share of its room gives way to the handoff when a fresh session goes on. */
const CARRIED_ON_SHARE = 0.25;

/** Works on a goal by asking a model over the gateway, with tools. */
export class ChatExecutor implements Executor {
  readonly input = ChatInput;
  private readonly options: ChatExecutorOptions;
  private readonly running = new Map<string, SessionPrograms>();

  constructor(options: ChatExecutorOptions) {
    this.options = options;
  }

  async memoryMb(sessionId: string): Promise<number | undefined> {
    return this.running.get(sessionId)?.memoryMb();
  }

  async run(session: ExecutorSession): Promise<ExecutorResult> {
    const input = ChatInput.parse(session.input);
    const asked = [session.kill, session.wrap].find((signal) => signal.aborted);
    if (asked) return { kind: 'continue', reason: `${reasonOf(asked)}; nothing was begun` };
    if (!session.environment.OPENAI_BASE_URL) {
      return failed('no_gateway', 'the session was given no address of the model gateway (OPENAI_BASE_URL)');
    }
    const secrets = [...secretsOf(input.mcpServers), session.environment.OPENAI_API_KEY ?? ''];
    const log = new SessionLog(session);
    const show = (text: string): string => conceal(text, secrets);
    const programs = new SessionPrograms(session, this.options);
    const servers = new McpServers(input.mcpServers, {
      programs,
      say: (line) => log.say(show(line)),
      print: (line) => log.take('stderr', show(line)),
    });
    const stop = new StopTimes(session);
    const inbox = new Inbox(session);
    this.running.set(session.sessionId, programs);
    const used = { turns: 0, tokens: 0, startedAt: performance.now() };
    const model = new GatewayModel(session.environment, {
      settings: input,
      retries: this.options.retries ?? RETRIES,
      say: (line) => log.say(show(line)),
      spent: (tokens) => (used.tokens += tokens),
    });
    try {
      const state = readResumed(session, log);
      const saving = new Saving(session, () => inbox.saved());
      if (state.finished) {
        await saving.save(state);
        return { kind: 'completed', result: state.finished.result };
      }
      const offered = await this.openTools(session, input, { programs, servers, log, show, stop });
      const tools = new Toolset(offered, secrets);
      const known = input.contextTokens === undefined ? await model.window(stop.unit) : undefined;
      const contextTokens = input.contextTokens ?? (known && Math.min(known, MOST_UNASKED));
      const settled = { ...input, contextTokens };
      carryOn(state, session, settled, log);
      return await new ChatSession({
        session,
        input: settled,
        state,
        model,
        tools,
        saving,
        inbox,
        stop,
        log,
        show,
        used,
      }).run();
    } catch (error) {
      if (error instanceof SessionOver) return error.result;
      if (session.kill.aborted) return { kind: 'continue', reason: `stopped: ${reasonOf(session.kill)}` };
      throw error;
    } finally {
      stop.release();
      inbox.close();
      if (!session.kill.aborted) await servers.close();
      const survivors = await programs.close();
      if (survivors > 0) log.say(`${survivors} processes of the session could not be killed`);
      log.finish();
      this.running.delete(session.sessionId);
    }
  }

  private async openTools(session: ExecutorSession, input: ChatInput, parts: Parts): Promise<Tool[]> {
    const { programs, servers, log, show, stop } = parts;
    const { files, shell } = input.tools;
    try {
      await programs.prepare();
      const served = await servers.open(stop.unit);
      const folder = new ConfinedFolder(session.workspace, this.options.user);
      return [
        ...(files === false ? [] : readingTools(folder)),
        ...(files === true ? writingTools(folder) : []),
        ...(shell ? [shellTool(programs, (line) => log.take('stdout', show(line)))] : []),
        ...served,
      ];
    } catch (error) {
      if (stop.asked !== undefined)
        throw new SessionOver({ kind: 'continue', reason: `${stop.asked}; nothing was begun` });
      throw new SessionOver(failed('tools', show((error as Error).message)));
    }
  }
}

interface Parts {
  programs: SessionPrograms;
  servers: McpServers;
  log: SessionLog;
  show: (text: string) => string;
  stop: StopTimes;
}

/** Where the last session stopped. */
function readResumed(session: ExecutorSession, log: SessionLog): ChatState {
  if (session.resumeFrom === undefined) return emptyState();
  const state = readState(session.resumeFrom);
  if (state) return state;
  log.say('the checkpoint is no conversation of this version: the work begins anew, from the handoff if there is one');
  return emptyState();
}

/** A long conversation is carried on from the handoff, if a model wrote that, and from its last turns. */
function carryOn(state: ChatState, session: ExecutorSession, input: ChatInput, log: SessionLog): void {
  const { bytes } = roomFor(state, input, Buffer.byteLength(input.goal));
  const small = sizeOf(state) <= bytes * CARRIED_ON_SHARE;
  if (small || !state.handedOff || session.handoff === undefined) return;
  replaceBySummary(state, session.handoff);
  log.say(`the handoff stands for the older turns: ${sizeOf(state)} bytes of the conversation go on`);
}

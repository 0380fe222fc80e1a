import type { ExecutorSession, SessionLog } from '@purser/plugin-sdk';
import type { ChatState } from '../conversation/state.js';
import type { ChatInput } from '../input.js';
import type { GatewayModel } from '../model/gateway-model.js';
import type { Toolset } from '../tools/toolset.js';
import type { Inbox } from './inbox.js';
import type { Saving } from './saving.js';
import type { StopTimes } from './stop-times.js';

/** What the parts of one session work on. */
export interface Chat {
  session: ExecutorSession;
  input: ChatInput;
  state: ChatState;
  model: GatewayModel;
  tools: Toolset;
  saving: Saving;
  inbox: Inbox;
  stop: StopTimes;
  log: SessionLog;
  /** Without what must not be seen in a log. */
  show: (text: string) => string;
  /** Of this session alone. */
  used: { turns: number; tokens: number; startedAt: number };
}

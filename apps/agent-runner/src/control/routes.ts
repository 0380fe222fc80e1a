import { Progress } from '@purser/contracts';
import { z } from 'zod';
import { RESULT_LIMIT_BYTES } from '../effects/effects.service.js';
import { MEMORY_LIMIT_BYTES } from '../records/stored-state.js';
import { HANDOFF_LIMIT_BYTES } from '../sessions/session-records.js';
import type { Controlled } from './control-server.service.js';
import { type Exchange, parseJson } from './exchange.js';
import { describeResources } from './resources-answer.js';
import { untilWrap, wrapOf } from './wrap-wait.js';

/** A result as JSON may be written with escapes and blanks. */
const EFFECT_BYTES = 8 * RESULT_LIMIT_BYTES;
const SMALL_BYTES = 8 * 1024;
/** How long a question for the wrap waits for it, unless it says otherwise, and at most. */
const WAIT_SECONDS = 25;
const MOST_WAIT_SECONDS = 60;

const key = z.string().min(1).max(200);
const EffectBegin = z.strictObject({ key, attempt: z.string().min(1).max(100).optional() });
const EffectEnd = z.strictObject({ key, result: z.unknown() });
const EffectKey = z.strictObject({ key });
const Extension = z.strictObject({ seconds: z.number().min(0) });

export type Route = (controlled: Controlled, exchange: Exchange) => Promise<unknown>;

/** What programs can ask and tell, by path and method. */
export const ROUTES: Record<string, Record<string, Route> | undefined> = {
  resources: {
    GET: ({ session }) => Promise.resolve(describeResources(session)),
  },
  progress: {
    POST: async ({ session }, exchange) => {
      session.report(await exchange.json(Progress, SMALL_BYTES));
      return { level: session.level, ...wrapOf(session) };
    },
  },
  checkpoint: {
    /** The last one, this session's or the one it goes on from; 204 when there is none. */
    GET: async ({ records }) => {
      const state = await records.lastState();
      return state && Buffer.from(state);
    },
    /** Answered when it is stored. */
    POST: async ({ session, records }, exchange) => {
      const bytes = await exchange.bytes(MEMORY_LIMIT_BYTES);
      parseJson(bytes);
      await records.saveCheckpoint(bytes);
      return session.checkpoint;
    },
  },
  handoff: {
    POST: async ({ records }, exchange) => {
      await records.saveHandoff((await exchange.bytes(HANDOFF_LIMIT_BYTES)).toString('utf8'));
      return {};
    },
  },
  wrap: {
    /** Waits until the session is to wrap up, `seconds` at most. */
    GET: async ({ session }, exchange) => {
      await untilWrap(session, exchange.number('seconds', WAIT_SECONDS, MOST_WAIT_SECONDS) * 1_000, exchange.left);
      return wrapOf(session);
    },
  },
  extend: {
    POST: async ({ session }, exchange) => {
      const { seconds } = await exchange.json(Extension, SMALL_BYTES);
      return { seconds: session.grace.extend(seconds * 1_000) / 1_000 };
    },
  },
  'effects/begin': {
    POST: async ({ session, effects }, exchange) => {
      const intent = await exchange.json(EffectBegin, SMALL_BYTES);
      return effects.begin(session, intent.key, intent.attempt);
    },
  },
  'effects/finish': {
    POST: async ({ session, effects }, exchange) => {
      const end = await exchange.json(EffectEnd, EFFECT_BYTES);
      await effects.finish(session, end.key, end.result);
      return {};
    },
  },
  'effects/withdraw': {
    POST: async ({ session, effects }, exchange) => {
      await effects.withdraw(session, (await exchange.json(EffectKey, SMALL_BYTES)).key);
      return {};
    },
  },
  'effects/forget': {
    POST: async ({ session, effects }, exchange) => {
      await effects.forget(session, (await exchange.json(EffectKey, SMALL_BYTES)).key);
      return {};
    },
  },
};

import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import type { Amounts } from './minute-share.js';

/** What a gateway got of a key's minute, and how the minute then stands. */
export interface Taken {
  minute: number;
  /** Until the minute ends, when the statement began. */
  leftMs: number;
  granted: Amounts;
  /** Not granted to any gateway. */
  left: Amounts;
}

interface TakenRow {
  minute: bigint;
  left_ms: number;
  granted_requests: bigint;
  granted_tokens: bigint;
  left_requests: number;
  left_tokens: number;
}

const MINUTE = `interval '60 s'`;
/** A gateway gets at least what it needs and else this part of what is left: large slices first, single calls at the end. */
const PART = 8;

/** Also one that begins long after now: the server's clock was set back. */
const IS_OVER = `coalesce(minute_started_at + ${MINUTE} <= now() OR minute_started_at - ${MINUTE} > now(), true)`;
const taken = (what: string) => `(CASE WHEN ${IS_OVER} THEN 0 ELSE minute_${what} END)`;
const left = (what: string) => `greatest(${what}_per_minute - ${taken(what)}, 0)`;
const fits = (what: string, need: string) => `(${what}_per_minute IS NULL OR ${left(what)} >= ${need})`;
const FITS = `(${fits('requests', '$2')} AND ${fits('tokens', '$3')})`;
/** What has no limit is granted as it is needed. */
const grant = (what: string, need: string) =>
  `(CASE WHEN ${FITS} THEN greatest(${need}, coalesce(${left(what)} / ${PART}, 0)) ELSE 0 END)`;

/**
 * One statement that takes all that is needed or nothing. Every expression sees the row as it was, under its lock, and
 * `now()` is when the statement began: no gateway's clock counts. No index has a column that it changes (HOT updates).
 */
const TAKE = `
  UPDATE keys SET
    minute = minute + (CASE WHEN ${IS_OVER} THEN 1 ELSE 0 END),
    minute_started_at = CASE WHEN ${IS_OVER} THEN now() ELSE minute_started_at END,
    minute_requests = ${taken('requests')} + ${grant('requests', '$2')},
    minute_tokens = ${taken('tokens')} + ${grant('tokens', '$3')},
    granted_requests = ${grant('requests', '$2')},
    granted_tokens = ${grant('tokens', '$3')}
  WHERE id = $1 AND revoked_at IS NULL
  RETURNING minute, granted_requests, granted_tokens,
    (extract(epoch FROM minute_started_at + ${MINUTE} - now()) * 1000)::double precision AS left_ms,
    coalesce(greatest(requests_per_minute - minute_requests, 0), 0)::double precision AS left_requests,
    coalesce(greatest(tokens_per_minute - minute_tokens, 0), 0)::double precision AS left_tokens`;

@Injectable()
export class KeyMinutesRepository {
  constructor(private readonly database: Database) {}

  /** Undefined when the key is gone. Nothing is granted when what is needed is not there. */
  async take(key: string, need: Amounts): Promise<Taken | undefined> {
    const parameters = [key, Math.ceil(need.requests), Math.ceil(need.tokens)];
    const [row] = await this.database.query<TakenRow>(TAKE, parameters);
    return (
      row && {
        minute: Number(row.minute),
        leftMs: row.left_ms,
        granted: { requests: Number(row.granted_requests), tokens: Number(row.granted_tokens) },
        left: { requests: row.left_requests, tokens: row.left_tokens },
      }
    );
  }

  /** Of a minute that is over there is nothing to give back. Tokens below zero are taken: a call used more than its bound. */
  async giveBack(key: string, minute: number, { requests, tokens }: Amounts): Promise<void> {
    await this.database.query(
      `UPDATE keys SET minute_requests = greatest(minute_requests - $3, 0), minute_tokens = greatest(minute_tokens - $4, 0)
       WHERE id = $1 AND minute = $2`,
      [key, minute, requests, Math.floor(tokens)],
    );
  }
}

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** Whatever was told or lost, so long is the longest that an answer of before is given again. */
export const REMEMBERED_MS = 300_000;
/**
 * So often it is proved that what is notified arrives: a pooler may swallow it, and a dead connection is silent too. With
 * the time that a proof has, it bounds for how long another process' change may stay unseen.
 */
const PROVE_EVERY_MS = 15_000;
const PROOF_MS = 5_000;
const AGAIN_MS = 1_000;
const CLOSE_MS = 2_000;
/** What no table is called. */
const PROOF = 'proof ';

export interface ChangesOptions {
  url: string;
  schema: string;
  applicationName: string;
  /** Notifies on another connection. */
  notify: (channel: string, payload: string) => Promise<unknown>;
  proveEveryMs?: number;
}

/**
 * Hears which tables of a schema have changed, whoever changed them: a trigger `AFTER ... FOR EACH STATEMENT` that calls
 * the schema's `tell_change()` (see CREATE_TELL_CHANGE) tells it after the commit. For tables that change rarely, since
 * commits that notify wait for each other.
 */
export class Changes {
  private readonly channel: string;
  private readonly versions = new Map<string, number>();
  /** Changed whenever something may have been missed. */
  private generation = 0;
  private hears = false;
  private proof: { payload: string; arrived: () => void } | undefined;
  private readonly closing = new AbortController();
  private following: Promise<void> | undefined;

  constructor(private readonly options: ChangesOptions) {
    this.channel = `changes_${options.schema}`;
  }

  start(): void {
    this.following = this.follow();
  }

  async close(): Promise<void> {
    this.closing.abort();
    // A server that has fallen silent does not hold it up: what is still asked of it ends with the process.
    await Promise.race([this.following, delay(CLOSE_MS, undefined, { ref: false })]);
  }

  /**
   * `read`, but what it gave last is given again as long as none of these tables has changed since it began, and `keeps`
   * says that no more than these tables decides about it. While changes cannot be heard it is `read` itself.
   */
  whileUnchanged<Row>(
    tables: readonly string[],
    read: () => Promise<Row[]>,
    keeps: (rows: Row[]) => boolean,
  ): () => Promise<Row[]> {
    let known: { rows: Row[]; version: string; at: number } | undefined;
    return async () => {
      const [version, at] = [this.versionOf(tables), performance.now()];
      if (this.hears && known?.version === version && at - known.at < REMEMBERED_MS) return known.rows;
      const rows = await read();
      known = keeps(rows) ? { rows, version, at } : undefined;
      return rows;
    };
  }

  /** For what this process has changed itself: it does not wait until it hears of it. */
  changed(tables: readonly string[]): void {
    for (const table of tables) this.versions.set(table, (this.versions.get(table) ?? 0) + 1);
  }

  private versionOf(tables: readonly string[]): string {
    return [this.generation, ...tables.map((table) => this.versions.get(table) ?? 0)].join('.');
  }

  private async follow(): Promise<void> {
    while (!this.closing.signal.aborted) {
      const lost = new AbortController();
      const over = AbortSignal.any([this.closing.signal, lost.signal]);
      const client = this.connection(() => {
        this.hears = false;
        lost.abort();
      });
      try {
        await client.connect();
        await client.query(`LISTEN ${pg.escapeIdentifier(this.channel)}`);
        while (!over.aborted) {
          await this.prove(over);
          if (!this.hears) this.generation++;
          this.hears = true;
          await pause(this.options.proveEveryMs ?? PROVE_EVERY_MS, over);
        }
      } catch {
        // Without it everything is asked for as often as it is wanted.
      }
      this.hears = false;
      await ended(client);
      await pause(AGAIN_MS, this.closing.signal);
    }
  }

  private connection(lost: () => void): pg.Client {
    const { url, applicationName } = this.options;
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: PROOF_MS,
      query_timeout: PROOF_MS,
      keepAlive: true,
    });
    client.on('error', lost).on('end', lost);
    client.on('notification', ({ payload = '' }) => {
      if (payload === this.proof?.payload) this.proof.arrived();
      else if (!payload.startsWith(PROOF)) this.changed([payload]);
    });
    return client;
  }

  /** Resolves when a notification of ours has come round. */
  private async prove(over: AbortSignal): Promise<void> {
    const payload = `${PROOF}${randomUUID()}`;
    const waited = new AbortController();
    const arrived = new Promise<boolean>((resolve) => (this.proof = { payload, arrived: () => resolve(true) }));
    try {
      const late = pause(PROOF_MS, AbortSignal.any([over, waited.signal])).then(() => false);
      const round = this.options.notify(this.channel, payload).then(() => arrived);
      if (!(await Promise.race([round, late]))) throw new Error('what is notified does not arrive');
    } finally {
      this.proof = undefined;
      waited.abort();
    }
  }
}

/** A server that has fallen silent does not say that it has heard the end. */
async function ended(client: pg.Client): Promise<void> {
  const bound = new AbortController();
  await Promise.race([client.end().catch(() => undefined), pause(CLOSE_MS, bound.signal)]);
  bound.abort();
  client.connection.stream.destroy();
}

/** Resolves earlier when the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

/** For a migration of a schema whose changes are to be heard. */
export const CREATE_TELL_CHANGE = `
  CREATE FUNCTION tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_notify('changes_' || TG_TABLE_SCHEMA, TG_TABLE_NAME);
    RETURN NULL;
  END $$`;

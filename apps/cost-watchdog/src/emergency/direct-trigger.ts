import { Bus } from '@purser/bus';
import { alertFacts, emergencyShutdown, type Latch, PurserError } from '@purser/contracts';
import { Database, SERVICE_SCHEMAS } from '@purser/database';
import { LatchBucket } from './latch-bucket.js';
import { newest } from './latch-order.js';
import { type Decision, LatchRepository } from './latch.repository.js';
import { within } from './within.js';

const REACH_MS = 3_000;
const WORK_MS = 5_000;

export interface DirectAccess {
  /** Undefined when nobody knows it. */
  databaseUrl: string | undefined;
  /** With the rights of the watchdog, who alone may write the latch's bucket. */
  natsUrl: string | undefined;
}

export interface DirectTrigger {
  latch: Latch;
  /** In words, for each store: what was done, or why it could not be. */
  postgres: string;
  nats: string;
}

/**
 * Sets the latch as the watchdog does, for a person whom no watchdog answers: in Postgres, in the bucket, by broadcast;
 * whichever can be reached. The other learns of it from the watchdog when it is back.
 * @throws PurserError `unavailable` when neither can be reached
 */
export async function triggerDirectly(decision: Decision, access: DirectAccess, now: Date): Promise<DirectTrigger> {
  const [database, bus] = await Promise.all([
    reached('Postgres', access.databaseUrl, openDatabase),
    reached('NATS', access.natsUrl, openBus),
  ]);
  try {
    return await setIn(database, bus, decision, now);
  } finally {
    await Promise.all([database.there?.close(), bus.there?.close()]);
  }
}

async function setIn(
  database: Reached<Database>,
  bus: Reached<Bus>,
  decision: Decision,
  now: Date,
): Promise<DirectTrigger> {
  const bucket = bus.there && new LatchBucket(bus.there);
  const kept = await bucket?.read().catch(() => undefined);
  const stored = await attempt(database, (there) => setInPostgres(there, kept, decision, now));
  const latch = stored.ok ? stored.value : nextOf(kept, decision, now);
  const told = await attempt(bus, async (there) => {
    await bucket?.write(latch);
    await announce(there, latch);
  });
  if (!stored.ok && !told.ok) {
    const message = `The latch could not be set. Postgres: ${stored.why}. NATS: ${told.why}.`;
    throw new PurserError('unavailable', { message, details: { postgres: stored.why, nats: told.why } });
  }
  if (stored.ok && told.ok && database.there)
    await new LatchRepository().markAnnounced(database.there, latch).catch(() => undefined);
  return {
    latch,
    postgres: stored.ok ? 'set' : `not set: ${stored.why}`,
    nats: told.ok ? 'set in the bucket and broadcast' : `not set: ${told.why}`,
  };
}

function setInPostgres(database: Database, kept: Latch | undefined, decision: Decision, now: Date): Promise<Latch> {
  const repository = new LatchRepository();
  return database.transaction(async (tx) => {
    if (kept) await repository.adopt(tx, kept);
    return (await repository.set(tx, decision, now)).state;
  });
}

function nextOf(kept: Latch | undefined, { by, reason }: Decision, now: Date): Latch {
  const known = newest([kept]);
  if (known?.active) return known;
  return { serial: (known?.serial ?? 0) + 1, active: true, by, reason, at: now.toISOString() };
}

/** With the watchdog's own message ids: should it announce the same once more, the stream keeps one. */
async function announce(bus: Bus, latch: Latch): Promise<void> {
  await bus.publish(emergencyShutdown, undefined, latch, `emergency-${latch.serial}-set`);
  const alert = {
    severity: 'critical' as const,
    kind: 'emergency',
    title: `Emergency shutdown by ${latch.by}, past a watchdog that does not answer: ${latch.reason}`,
    details: { ...latch },
    at: latch.at,
  };
  await bus.publish(alertFacts.critical, alert.kind, alert, `alert-emergency-${latch.serial}-direct`);
}

const openDatabase = (url: string): Promise<Database> =>
  Database.connect({
    url,
    schema: SERVICE_SCHEMAS['cost-watchdog'],
    applicationName: 'purser emergency trigger',
    poolSize: 1,
    connectTimeoutMs: REACH_MS,
    statementTimeoutMs: WORK_MS,
  });

const openBus = (url: string): Promise<Bus> =>
  Bus.connect({ url, service: 'cost-watchdog', instance: `person-${process.pid}`, connectTimeoutMs: REACH_MS });

type Reached<T> = { there: T } | { there: undefined; why: string };

async function reached<T>(
  what: string,
  url: string | undefined,
  open: (url: string) => Promise<T>,
): Promise<Reached<T>> {
  if (url === undefined) return { there: undefined, why: 'its address and password are not known here' };
  try {
    return { there: await within(2 * REACH_MS, what, open(url)) };
  } catch (error) {
    return { there: undefined, why: inWords(error) };
  }
}

type Attempt<T> = { ok: true; value: T } | { ok: false; why: string };

async function attempt<From, T>(on: Reached<From>, work: (there: From) => Promise<T>): Promise<Attempt<T>> {
  if (on.there === undefined) return { ok: false, why: 'why' in on ? on.why : 'it is away' };
  try {
    return { ok: true, value: await within(WORK_MS, 'it', work(on.there)) };
  } catch (error) {
    return { ok: false, why: inWords(error) };
  }
}

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');

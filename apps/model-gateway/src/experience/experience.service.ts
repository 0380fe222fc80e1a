import { Injectable } from '@nestjs/common';
import { NO_SAFETY, type Permille } from '@purser/money';
import { Log } from '@purser/service';
import { ExperienceRepository } from './experience.repository.js';
import { CLASSES, classOf, p99, total } from './size-histogram.js';

const SYNC_MS = 15_000;
const MOST_KNOWN = 5_000;
const MOST_USES = 32;
/** Written in one statement. */
const AT_ONCE = 200;
/** What changed within so long is read every minute; all of it at the start and after a failure. */
const READ_BACK_MS = 10 * 60 * 1000;

/** What calls taught: how long answers are, per capability and key; and which models bill more than was held. */
@Injectable()
export class Experience {
  private known = new Map<string, number[]>();
  /** What was read from `known`, and for how many calls it may still be used: one more answer hardly moves it. */
  private readonly usual = new Map<string, { size: number | undefined; uses: number }>();
  private readonly fresh = new Map<string, number[]>();
  private readonly safety = new Map<string, Permille>();
  private timer: NodeJS.Timeout | undefined;
  private syncs = 0;
  private hasRead = false;
  private syncing: Promise<void> | undefined;

  constructor(
    private readonly repository: ExperienceRepository,
    private readonly log: Log,
  ) {}

  async start(): Promise<void> {
    await this.sync();
    this.timer = setInterval(() => void this.sync(), SYNC_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.sync();
  }

  /** Output tokens of one choice that ended by itself or at its limit. */
  learn(capability: string, key: string, outputTokens: number): void {
    const id = idOf(capability, key);
    const index = classOf(outputTokens);
    for (const map of [this.known, this.fresh]) {
      if (map === this.fresh && map.size >= MOST_KNOWN && !map.has(id)) continue;
      const counts = map.get(id) ?? Array.from({ length: CLASSES }, () => 0);
      counts[index] = (counts[index] ?? 0) + 1;
      map.set(id, counts);
    }
    if (this.known.size > MOST_KNOWN) for (const oldest of this.known.keys()) return void this.known.delete(oldest);
  }

  /** The 99th percentile of output tokens; undefined when nothing was learned yet. */
  largestUsual(capability: string, key: string): number | undefined {
    const id = idOf(capability, key);
    const usual = this.usual.get(id);
    if (usual && usual.uses > 0) {
      usual.uses -= 1;
      return usual.size;
    }
    const counts = this.known.get(id);
    if (!counts) return undefined;
    const size = p99(counts);
    if (this.usual.size >= MOST_KNOWN) this.usual.clear();
    this.usual.set(id, { size, uses: Math.min(MOST_USES, Math.floor(total(counts) / 64)) });
    return size;
  }

  safetyOf(provider: string, model: string): Permille {
    return this.safety.get(`${provider}/${model}`) ?? NO_SAFETY;
  }

  raiseSafety(provider: string, model: string, permille: Permille): void {
    if (permille <= this.safetyOf(provider, model)) return;
    this.safety.set(`${provider}/${model}`, permille);
    this.repository
      .raiseSafety({ provider, model, permille })
      .catch((error: unknown) =>
        this.log.warn({ error, provider, model, permille }, 'a safety factor is known here alone'),
      );
  }

  /** Never rejects: what cannot be stored now is stored by a later one. */
  private sync(): Promise<void> {
    this.syncing ??= this.exchange()
      .catch((error: unknown) => this.log.debug({ error }, 'what calls taught could not be stored yet'))
      .finally(() => (this.syncing = undefined));
    return this.syncing;
  }

  private async exchange(): Promise<void> {
    const learned = [...this.fresh];
    for (let at = 0; at < learned.length; at += AT_ONCE) await this.store(learned.slice(at, at + AT_ONCE));
    // Other gateways learn too.
    if (this.syncs++ % 4 === 0) await this.readAll();
    if (this.syncs % 240 === 0) await this.repository.forgetOldSizes();
  }

  private async store(learned: readonly (readonly [string, number[]])[]): Promise<void> {
    for (const [id] of learned) this.fresh.delete(id);
    try {
      await this.repository.addSizes(learned.map(([id, counts]) => ({ ...partsOf(id), counts })));
    } catch (error) {
      for (const [id, counts] of learned) {
        const since = this.fresh.get(id);
        this.fresh.set(
          id,
          counts.map((count, index) => count + (since?.[index] ?? 0)),
        );
      }
      throw error;
    }
  }

  private async readAll(): Promise<void> {
    const within = this.hasRead ? READ_BACK_MS : undefined;
    this.hasRead = false;
    for (const { provider, model, permille } of await this.repository.readSafety())
      this.safety.set(`${provider}/${model}`, Math.max(permille, this.safetyOf(provider, model)));
    for (const { capability, key, counts } of await this.repository.readSizes(within)) {
      const id = idOf(capability, key);
      const unsent = this.fresh.get(id);
      this.known.set(
        id,
        counts.map((count, index) => count + (unsent?.[index] ?? 0)),
      );
    }
    this.hasRead = true;
  }
}

/** Each call asks several times for the same one, and a new text has to be hashed anew. */
let latest = { capability: '', key: '', id: '\n' };

/** Neither capabilities nor keys contain a line break. */
function idOf(capability: string, key: string): string {
  if (latest.capability !== capability || latest.key !== key) latest = { capability, key, id: `${capability}\n${key}` };
  return latest.id;
}

const partsOf = (id: string): { capability: string; key: string } => {
  const [capability = '', key = ''] = id.split('\n');
  return { capability, key };
};

import { Inject, Injectable } from '@nestjs/common';
import type { ShutdownTarget } from '@purser/contracts';
import { Log } from '@purser/service';
import {
  type Choice,
  containerChoice,
  type ContainerSeen,
  isLive,
  pricePerHour,
  projectOf,
} from './container-choice.js';
import { DockerEngine, type FoundEngine, type Stopped } from './docker-engine.js';
import { EMERGENCY_FILE, type EmergencyFile } from './emergency-file.js';
import { ownContainerId } from './own-container.js';
import { pause } from './pause.js';
import type { Emergency, Seen, TargetList } from './target-list.js';

/** Docker stops them side by side; its engine has other things to do too. */
const AT_ONCE = 16;
const EVENTS_AGAIN_MS = 1_000;
/** Events may be missed while the stream breaks off; a look at the list misses nothing. */
const LOOK_MS = 5_000;

export interface Choosing {
  container: ContainerSeen;
  choice: Choice;
}

/** Stops containers, and keeps them stopped. */
@Injectable()
export class ContainersService {
  private ownId: Promise<string | undefined> | undefined;
  /** What came of the last attempt to stop each container, by emergency: a second look may have seen it run since. */
  private readonly attempts = new WeakMap<TargetList, Map<string, Stopped['fate']>>();

  constructor(
    private readonly docker: DockerEngine,
    @Inject(EMERGENCY_FILE) private readonly file: EmergencyFile,
    private readonly log: Log,
  ) {}

  /** Where Docker is, or why it is left alone; null when there is nothing to reach. */
  async engine(): Promise<{ shown: string; found: FoundEngine | undefined }> {
    if (this.file.docker.mode === 'off') return { shown: 'left alone: mode off in emergency.json', found: undefined };
    const found = await this.docker.find();
    return { shown: found?.shown ?? 'there is none on this machine', found };
  }

  /** The running ones, each with what becomes of it. */
  async survey(engine: FoundEngine): Promise<Choosing[]> {
    const all = await engine.list();
    this.ownId ??= ownContainerId();
    const ownId = await this.ownId;
    const own = ownId === undefined ? undefined : all.find(({ id }) => id.startsWith(ownId));
    const choose = containerChoice(this.file.docker, { id: ownId, project: own && projectOf(own) });
    return all
      .filter(isLive)
      .sort((a, b) => a.name.localeCompare(b.name))
      .map((container) => ({ container, choice: choose(container) }));
  }

  /** Stops what is chosen and running now. @returns what went wrong, in words */
  async stopChosen({ targets, radius, signal }: Emergency): Promise<string[]> {
    try {
      const { found } = await this.engine();
      if (!found) return [];
      const survey = await this.survey(found);
      for (const { container, choice } of survey) this.note(targets, container, choice);
      const chosen = survey.filter(({ choice }) => choice.verdict === 'stop');
      await inTurns(chosen, AT_ONCE, (one) => this.stop(found, one, { targets, radius, signal }));
      return [];
    } catch (error) {
      this.log.error({ error }, 'emergency: containers could not be stopped');
      return [`Docker: ${error instanceof Error ? error.message.trim() : String(error)}`];
    }
  }

  /** Until aborted: containers that start although the latch is set are stopped as they do, and `returned` is told. */
  async keepStopped({ targets, radius, signal }: Emergency, returned: (target: ShutdownTarget) => void): Promise<void> {
    while (!signal.aborted) {
      try {
        const { found } = await this.engine();
        if (!found) await pause(LOOK_MS, signal);
        else await this.watch(found, { targets, radius, signal }, returned);
      } catch (error) {
        if (!signal.aborted) this.log.debug({ error }, 'the events of Docker broke off; they are asked for again');
      }
      await pause(EVENTS_AGAIN_MS, signal);
    }
  }

  private async watch(
    engine: FoundEngine,
    emergency: Emergency,
    returned: (target: ShutdownTarget) => void,
  ): Promise<void> {
    const stopping = new Set<Promise<void>>();
    const again = async (wanted?: string): Promise<void> => {
      const back = (await this.survey(engine)).filter(
        ({ container, choice }) => choice.verdict === 'stop' && (wanted === undefined || container.id === wanted),
      );
      for (const one of back) {
        const attempt = this.attempts.get(emergency.targets)?.get(one.container.id);
        await this.stopAgain(engine, one, emergency);
        const target = emergency.targets.get('container', one.container.id);
        if (target && target.fate !== 'over_cap' && attempt !== 'alive') returned(target);
      }
    };
    const begin = (wanted?: string): void => {
      const work = again(wanted)
        .catch((error: unknown) => this.log.warn({ error }, 'emergency: containers that came back could not be seen'))
        .finally(() => stopping.delete(work));
      stopping.add(work);
    };
    begin();
    const looks = setInterval(begin, LOOK_MS);
    try {
      for await (const id of engine.starts(emergency.signal)) begin(id);
    } finally {
      clearInterval(looks);
      await Promise.all(stopping);
    }
  }

  private async stopAgain(engine: FoundEngine, { container, choice }: Choosing, emergency: Emergency): Promise<void> {
    // Over the cap it runs on, and that is known.
    if (emergency.targets.get('container', container.id)?.fate === 'over_cap') return;
    // One that could not be stopped was never away.
    if (this.attempts.get(emergency.targets)?.get(container.id) === 'alive')
      return this.stop(engine, { container, choice }, emergency);
    this.log.warn({ container: container.name }, 'emergency: a container came back and is stopped again');
    await this.stop(engine, { container, choice }, emergency, 'it came back');
  }

  private async stop(
    engine: FoundEngine,
    { container, choice }: Choosing,
    { targets, radius, signal }: Emergency,
    note = '',
  ): Promise<void> {
    if (signal.aborted) return;
    const seen = seenAs(container, choice.why);
    if (!radius.allows(container.id)) {
      targets.set(seen, { fate: 'over_cap', detail: `more than ${radius.limit} targets (maxTargets): left running` });
      return;
    }
    const { fate, detail } = await engine.stop(container.id, this.file.docker.graceSeconds);
    this.remember(targets, container.id, fate);
    const before = targets.get('container', container.id)?.detail ?? '';
    const kept = note === '' ? [] : [before.replace(/; it came back.*$/, '')];
    targets.set(seen, { fate, detail: [...kept, choice.why, note, detail].filter(distinct).join('; ') });
  }

  private remember(targets: TargetList, id: string, fate: Stopped['fate']): void {
    const attempts = this.attempts.get(targets) ?? new Map<string, Stopped['fate']>();
    this.attempts.set(targets, attempts.set(id, fate));
  }

  private note(targets: TargetList, container: ContainerSeen, { verdict, why }: Choice): void {
    if (verdict !== 'stop') targets.set(seenAs(container, why), { fate: verdict, detail: why });
  }
}

const distinct = (text: string, index: number, all: string[]): boolean => text !== '' && all.indexOf(text) === index;

export const seenAs = ({ id, name, labels }: ContainerSeen, detail: string): Seen => ({
  kind: 'container',
  id: id.slice(0, 64),
  name,
  detail,
  usdPerHour: pricePerHour(labels),
});

async function inTurns<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

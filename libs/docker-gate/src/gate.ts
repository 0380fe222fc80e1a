import { realpath } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { labelsOf, narrowed } from './answers.ts';
import { removeContainer, sweep } from './containers.ts';
import { containerFor, CreateBody, Full, isBelow, parsed, refuseImage, Refused } from './create-body.ts';
import { answerOf, textOf } from './engine.ts';
import { removeDeadSockets, socketOf } from './gates.ts';
import { LABELS } from './labels.ts';
import { internalNetwork } from './network.ts';
import { requestFor, type Wish, wishOf } from './rules.ts';
import type { GateSettings } from './settings.ts';
import { type Answer, closed, listenOn, passOn, refusal, send, socketServer } from './socket-server.ts';
import { Watches } from './watches.ts';

const LARGEST_BODY = 1024 * 1024;
const SWEEP_MS = 5_000;
/** Until one has found nothing left. */
const FIRST_SWEEPS_MS = 250;
/** Whoever asks for a container in the meantime waits so long for an answer. */
const PATIENCE_MS = 5_000;
/** Until the one that had it made says for how long. */
const FIRST_WATCH_MS = 30_000;
const STREAMS: readonly Wish['do'][] = ['logs', 'wait', 'pull'];

type Say = (line: string) => void;

/** What of Docker's API whoever runs sessions may use, on a socket; everything else is refused with 403. */
export class Gate {
  private readonly settings: GateSettings;
  private readonly say: Say;
  private readonly server: Server;
  private readonly watches: Watches;
  /** Set once nothing is at work any more of what gates before this one made. */
  private swept = false;
  private noteSwept: () => void = () => undefined;
  private readonly firstSwept = new Promise<void>((resolve) => (this.noteSwept = resolve));
  /** Why the last sweep came to nothing. */
  private trouble: string | undefined;
  private nextSweep: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private closing = false;
  /** Containers that are being made, which count already. */
  private making = 0;

  static async start(settings: GateSettings, say: Say): Promise<Gate> {
    const gate = new Gate(settings, say);
    await listenOn(gate.server, socketOf(settings.PURSER_GATE_FOLDER, settings.PURSER_GATE_NAME));
    // Beside what is asked: signs of life are heard meanwhile, and how things stand is told.
    gate.sweeping = gate.sweep().finally(() => gate.sweepAgain());
    await removeDeadSockets(settings.PURSER_GATE_FOLDER);
    return gate;
  }

  private constructor(settings: GateSettings, say: Say) {
    this.settings = settings;
    this.say = say;
    this.watches = new Watches(async (id) => {
      say(`nobody watches ${id.slice(0, 12)} any more: it is removed`);
      return removeContainer(settings, id);
    });
    this.server = socketServer((request, response) => this.answer(request, response));
  }

  /** Removes all containers that it watches, for nobody will watch them then. */
  async close(): Promise<void> {
    this.closing = true;
    clearTimeout(this.nextSweep);
    await closed(this.server);
    await Promise.all([
      this.sweeping,
      ...this.watches.ids.map(async (id) => {
        this.watches.forget(id);
        await removeContainer(this.settings, id).catch((error: Error) =>
          this.say(`${id.slice(0, 12)} could not be removed: ${error.message}`),
        );
      }),
    ]);
  }

  private async sweep(): Promise<void> {
    try {
      const { removed, clean } = await sweep(this.settings, this.watches, !this.swept);
      for (const id of removed) this.say(`removed ${id.slice(0, 12)}, which nobody watched`);
      this.trouble = undefined;
      // Not by what was removed: that an engine removes something is no word that it is gone.
      if (!clean) return;
      this.swept = true;
      this.noteSwept();
    } catch (error) {
      const before = this.trouble;
      this.trouble = `the engine cannot be asked yet: ${(error as Error).message}`;
      if (!this.swept && before === undefined) this.say(this.trouble);
    }
  }

  /** What is left of a session may be at work in the folders that the next one is to have. */
  private async requireSwept(): Promise<void> {
    await Promise.race([this.firstSwept, delay(PATIENCE_MS, undefined, { ref: false })]);
    if (!this.swept) throw new Full(this.trouble ?? 'containers that were left are not removed yet');
  }

  private sweepAgain(): void {
    if (this.closing) return;
    this.nextSweep = setTimeout(
      () => {
        this.sweeping = this.sweep().finally(() => this.sweepAgain());
      },
      this.swept ? SWEEP_MS : FIRST_SWEEPS_MS,
    );
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const arrivedAt = performance.now();
    const body = await textOf(request, LARGEST_BODY).catch(() => undefined);
    const wish = body === undefined ? undefined : wishOf(method, url);
    if (!wish) {
      this.say(`refused ${JSON.stringify(`${method} ${url.slice(0, 200)}`)}`);
      return send(response, refusal(403, 'this gate makes, watches and ends containers of sessions, and nothing else'));
    }
    // From what it knows itself: however slow the engine is, who gives signs keeps the container, and who does not does not.
    if (wish.do === 'watch') return send(response, this.watch(wish, arrivedAt));
    try {
      // What it watches it has made.
      if ('id' in wish && !this.watches.has(wish.id)) await this.refuseForeign(wish.id);
      if (wish.do === 'pull') this.refusePull(wish.name);
      if (STREAMS.includes(wish.do)) {
        const { PURSER_GATE_ENGINE: engine, PURSER_GATE_INSTALLATION: installation } = this.settings;
        return await passOn(engine, requestFor(wish as Parameters<typeof requestFor>[0], installation), response);
      }
      send(response, await this.grant(wish, body!));
    } catch (error) {
      if (error instanceof Full) return send(response, refusal(503, error.message));
      if (!(error instanceof Refused)) throw error;
      this.say(`refused to ${wish.do}: ${error.message}`);
      send(response, refusal(403, error.message));
    }
  }

  private watch({ id, forMs }: Wish & { do: 'watch' }, arrivedAt: number): Answer {
    const left = Math.max(0, forMs - (performance.now() - arrivedAt));
    if (this.watches.renew(id, left)) return { status: 204, text: '' };
    if (this.watches.gaveUp(id)) return refusal(410, 'nothing was heard for the container in time');
    return refusal(404, 'this gate does not watch the container');
  }

  private async grant(wish: Exclude<Wish, { do: 'watch' }>, body: string): Promise<Answer> {
    switch (wish.do) {
      case 'about':
        await this.requireSwept();
        return this.about();
      case 'create':
        await this.requireSwept();
        return this.create(body);
      default: {
        const answer = await this.ask(wish);
        if (wish.do === 'remove' && (answer.status === 204 || answer.status === 404)) this.watches.forget(wish.id);
        if (answer.status !== 200 || (wish.do !== 'image' && wish.do !== 'inspect')) return answer;
        return { status: 200, text: narrowed(wish.do, answer.text) };
      }
    }
  }

  private ask(wish: Parameters<typeof requestFor>[0]): Promise<Answer> {
    const { PURSER_GATE_ENGINE: engine, PURSER_GATE_INSTALLATION: installation } = this.settings;
    return answerOf(engine, requestFor(wish, installation));
  }

  private async about(): Promise<Answer> {
    const { PURSER_GATE_NETWORK: name, PURSER_GATE_BRIDGE: bridge } = this.settings;
    const network = { name, ...(await internalNetwork(this.settings)) };
    const most = {
      memoryMb: this.settings.PURSER_GATE_MEMORY_MB,
      cpus: this.settings.PURSER_GATE_CPUS,
      pids: this.settings.PURSER_GATE_PIDS,
    };
    return { status: 200, text: JSON.stringify({ network, bridge, most }) };
  }

  private async create(body: string): Promise<Answer> {
    const { PURSER_GATE_ENGINE: engine, PURSER_GATE_CONTAINERS: most } = this.settings;
    const wanted = containerFor(parsed(body), this.settings);
    await this.refuseLinks(CreateBody.parse(parsed(body)));
    if (this.watches.ids.length + this.making >= most)
      throw new Full(`there are ${most} containers, the most there may be`);
    this.making += 1;
    try {
      const path = '/containers/create';
      const made = await answerOf(engine, { method: 'POST', path, body: JSON.stringify(wanted), timeoutMs: 60_000 });
      if (made.status === 201) {
        const { Id: id } = JSON.parse(made.text) as { Id: string };
        this.watches.begin(id, FIRST_WATCH_MS);
        this.say(`made ${id.slice(0, 12)}`);
      }
      return made;
    } finally {
      this.making -= 1;
    }
  }

  /** What is no volume the engine mounts through links too, which must not lead out of the folders. */
  private async refuseLinks({ HostConfig: { Mounts } }: CreateBody): Promise<void> {
    const { PURSER_GATE_VOLUME: volume, PURSER_GATE_FOLDERS: folders } = this.settings;
    if (volume !== undefined) return;
    const real = (path: string) => realpath(path).catch(() => undefined);
    const known = await Promise.all(folders.map(real));
    for (const { Source } of Mounts) {
      const found = await real(Source);
      if (found === undefined || !known.some((folder) => folder !== undefined && isBelow(folder, found)))
        throw new Refused(`${Source} is not there, or leads out of the folders that may be mounted`);
    }
  }

  private refusePull(name: string): void {
    if (!this.settings.PURSER_GATE_PULL) throw new Refused('images are not pulled here');
    refuseImage(name, this.settings.PURSER_GATE_IMAGES);
  }

  private async refuseForeign(id: string): Promise<void> {
    const { status, text } = await this.ask({ do: 'inspect', id });
    // The engine says itself that there is none.
    if (status === 404) return;
    if (status !== 200) throw new Error(`it answered ${status}`);
    if (labelsOf(text)[LABELS.managed] !== this.settings.PURSER_GATE_INSTALLATION)
      throw new Refused('the container is not one of this installation');
  }
}

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { narrowed } from '../answers.ts';
import { Full, MIB, parsed, refuseImage, Refused } from '../create-body.ts';
import { answerOf, type EngineRequest, textOf } from '../engine.ts';
import { requestFor } from '../rules.ts';
import { type Answer, closed, listenOn, passOn, refusal, send, socketServer } from '../socket-server.ts';
import { Info, Inspected, kindOf, kindOfListed, type Kind, Listed } from './vm-answers.ts';
import { type VmBody, vmBodyOf, vmContainerFor } from './vm-body.ts';
import { VM_LABELS } from './vm-labels.ts';
import { asking, isVmName, type OfOne, type VmWish, vmWishOf } from './vm-rules.ts';
import { refuseCrowd, type Room, roomIn } from './vm-room.ts';
import type { VmGateSettings } from './vm-settings.ts';

const LARGEST_BODY = 1024 * 1024;
const SWEEP_MS = 30_000;
/** A VM ends itself when its time is over; the gate when it has not. */
const SLACK_SECONDS = 60;
/** Of those that ask for a container at once; more are told to come again. */
const MOST_WAITING = 32;

/** Of what may be done to whom. */
const MAY: Readonly<Record<Exclude<Kind, 'foreign'>, readonly OfOne['do'][]>> = {
  vm: ['inspect', 'start', 'stop', 'stats', 'remove'],
  component: ['start', 'stop', 'stats'],
};

/**
 * What of Docker's API a driver of VMs may use, on a socket: the two containers of a VM, within bounds. Beside these it
 * starts and stops containers that whoever runs the machine has labelled as components. VMs outlive whoever asked for them,
 * and this gate too: when it is begun anew, it finds them by its label.
 */
export class VmGate {
  private readonly settings: VmGateSettings;
  private readonly say: (line: string) => void;
  private readonly server: Server;
  private nextSweep: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private closing = false;
  /** One after another, so that no two take the same room. */
  private creating: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  static async start(settings: VmGateSettings, say: (line: string) => void): Promise<VmGate> {
    const gate = new VmGate(settings, say);
    await listenOn(gate.server, settings.PURSER_GATE_SOCKET);
    gate.sweepOn();
    return gate;
  }

  private constructor(settings: VmGateSettings, say: (line: string) => void) {
    this.settings = settings;
    this.say = say;
    this.server = socketServer((request, response) => this.answer(request, response));
  }

  async close(): Promise<void> {
    this.closing = true;
    clearTimeout(this.nextSweep);
    await closed(this.server);
    await this.sweeping;
  }

  private sweepOn(): void {
    if (this.closing) return;
    this.sweeping = this.sweep().finally(() => {
      if (!this.closing) this.nextSweep = setTimeout(() => this.sweepOn(), SWEEP_MS);
    });
  }

  /** Whatever its image made of `timeout`, nothing lives longer than it was asked for. */
  private async sweep(): Promise<void> {
    try {
      const now = Date.now() / 1_000 - SLACK_SECONDS;
      for (const { Id: of, Labels } of await this.vms()) {
        if (Number(Labels[VM_LABELS.ends]) <= now) await this.removeEnded(of);
      }
    } catch (error) {
      this.say(`the engine cannot be asked: ${(error as Error).message}`);
    }
  }

  /** One that cannot be removed is in no other's way. */
  private async removeEnded(of: string): Promise<void> {
    const { status, text } = await this.ask(asking.one({ do: 'remove', of })).catch((error: Error) => ({
      status: undefined,
      text: error.message,
    }));
    const what = `${of.slice(0, 12)}, whose time was over`;
    if (status === 204 || status === 404) this.say(`removed ${what}`);
    else this.say(`could not remove ${what}, and tries again: ${status ?? ''} ${text.slice(0, 200)}`);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const body = await textOf(request, LARGEST_BODY).catch(() => undefined);
    const wish = body === undefined ? undefined : vmWishOf(method, url);
    if (!wish) {
      // Without what stands behind the "?": clients put a container's variables there.
      this.say(`refused ${JSON.stringify(`${method} ${url.split('?')[0]!.slice(0, 200)}`)}`);
      return send(
        response,
        refusal(403, 'this gate makes and ends VMs, starts and stops components, and nothing else'),
      );
    }
    try {
      if (wish.do === 'pull') {
        this.refusePull(wish.name);
        return await passOn(this.settings.PURSER_GATE_ENGINE, requestFor(wish, ''), response);
      }
      send(response, await this.grant(wish, body!, () => response.destroyed));
    } catch (error) {
      if (error instanceof Full) return send(response, refusal(503, error.message));
      if (!(error instanceof Refused)) throw error;
      this.say(`refused to ${wish.do}: ${error.message}`);
      send(response, refusal(403, error.message));
    }
  }

  /** `isGone`: whether nobody is there any more for the answer. */
  private async grant(wish: VmWish, body: string, isGone: () => boolean): Promise<Answer> {
    const { PURSER_GATE_INSTALLATION: installation } = this.settings;
    switch (wish.do) {
      case 'info':
        return this.info();
      case 'list-vms':
        return this.listed(asking.vms(installation, wish.labels), 'vm');
      case 'list-components':
        return this.listed(asking.components, 'component');
      case 'create':
        return this.create(wish.name, body, isGone);
      case 'image':
      case 'pull': {
        const answer = await this.ask(requestFor(wish, ''));
        return answer.status === 200 ? { status: 200, text: narrowed('image', answer.text) } : answer;
      }
      default:
        return this.toOne(wish);
    }
  }

  /** Looked up first, and then named by its id: a name may be another's a moment later. */
  private async toOne(wish: OfOne): Promise<Answer> {
    const answer = await this.ask(asking.one({ do: 'inspect', of: wish.of }));
    if (answer.status !== 200) return answer;
    const found = Inspected.parse(JSON.parse(answer.text));
    const kind = kindOf(found, this.settings.PURSER_GATE_INSTALLATION);
    if (wish.do === 'inspect' && kind !== 'vm' && isVmName(found.Name.slice(1)))
      // Whoever wants the name is told that somebody has it, and not who.
      return { status: 200, text: JSON.stringify({ ...found, Config: { Labels: {} } }) };
    if (kind === 'foreign' || !MAY[kind].includes(wish.do))
      throw new Refused(
        `${wish.of} is no VM of this installation; components here carry the label ${VM_LABELS.component}, and are of the ` +
          `compose project ${this.settings.PURSER_GATE_INSTALLATION} or carry ${VM_LABELS.componentOf} with that name`,
      );
    if (wish.do === 'inspect') return { status: 200, text: JSON.stringify(found) };
    if (wish.do !== 'stats') this.say(`${wish.do} ${found.Id.slice(0, 12)}`);
    return this.ask(asking.one({ do: wish.do, of: found.Id }));
  }

  private async create(name: string, text: string, isGone: () => boolean): Promise<Answer> {
    if (this.waiting >= MOST_WAITING) throw new Full(`${this.waiting} containers are asked for already; try again`);
    this.waiting += 1;
    try {
      const room = await this.room();
      const wanted = vmBodyOf(parsed(text), name, this.settings, room);
      const made = this.creating.then(() => {
        if (isGone()) throw new Full(`nobody waits for ${name} any more`);
        return this.make(name, wanted, room);
      });
      this.creating = made.catch(() => undefined);
      return await made;
    } finally {
      this.waiting -= 1;
    }
  }

  private async make(name: string, wanted: VmBody, room: Room): Promise<Answer> {
    const ends = wanted.part === 'agent' ? this.endOf(wanted.seconds) : await this.endOfAgent(wanted);
    const vms = await this.vms();
    const parts = vms.filter(({ Labels }) => Labels[VM_LABELS.part] === wanted.part);
    if (parts.length >= this.settings.PURSER_GATE_VMS) throw new Full(`there are ${parts.length} VMs, the most here`);
    if (wanted.part === 'component') refuseCrowd(wanted.HostConfig, parts, room);
    const body = JSON.stringify(vmContainerFor(wanted, ends, this.settings));
    const made = await this.ask({ method: 'POST', path: `/containers/create?name=${name}`, body, timeoutMs: 60_000 });
    if (made.status === 201) this.say(`made ${name}`);
    return made;
  }

  private endOf(seconds: number): number {
    return Math.ceil(Date.now() / 1_000) + seconds;
  }

  /** What it is to share the network and the processes of has to be the agent of the same VM. */
  private async endOfAgent({ agentId, Labels }: { agentId: string; Labels: Record<string, unknown> }): Promise<number> {
    const { status, text } = await this.ask(asking.one({ do: 'inspect', of: agentId }));
    const found = status === 200 ? Inspected.parse(JSON.parse(text)) : undefined;
    const { Labels: agent = {} } = found?.Config ?? {};
    const isAgent =
      found !== undefined &&
      kindOf(found, this.settings.PURSER_GATE_INSTALLATION) === 'vm' &&
      agent[VM_LABELS.part] === 'agent' &&
      agent[VM_LABELS.name] === Labels[VM_LABELS.name];
    if (!isAgent) throw new Refused('it would join a container that is not the agent of its VM');
    return Number(agent[VM_LABELS.ends]);
  }

  private refusePull(name: string): void {
    const { PURSER_GATE_PULL: pulls, PURSER_GATE_AGENT_IMAGE: ofAgent, PURSER_GATE_IMAGES: allowed } = this.settings;
    if (!pulls) throw new Refused('images are not pulled here');
    if (name !== ofAgent) refuseImage(name, allowed);
  }

  /** As much as VMs may have, so that whoever asks offers no more. */
  private async info(): Promise<Answer> {
    const answer = await this.ask(asking.info);
    if (answer.status !== 200) return answer;
    const info = Info.parse(JSON.parse(answer.text));
    const { memoryMb, cpus } = roomIn(info, this.settings);
    return {
      status: 200,
      text: JSON.stringify({ MemTotal: memoryMb * MIB, NCPU: cpus, MemoryLimit: info.MemoryLimit }),
    };
  }

  private async room(): Promise<Room> {
    const answer = await this.ask(asking.info);
    if (answer.status !== 200) throw new Error(`it answered ${answer.status} to what it has`);
    return roomIn(Info.parse(JSON.parse(answer.text)), this.settings);
  }

  private async vms(): Promise<Listed> {
    const { status, text } = await this.listed(asking.vms(this.settings.PURSER_GATE_INSTALLATION), 'vm');
    if (status !== 200) throw new Error(`it answered ${status} to a list of containers`);
    return Listed.parse(JSON.parse(text));
  }

  private async listed(wanted: EngineRequest, kind: Kind): Promise<Answer> {
    const answer = await this.ask(wanted);
    if (answer.status !== 200) return answer;
    const all = Listed.parse(JSON.parse(answer.text));
    const found = all.filter((one) => kindOfListed(one, this.settings.PURSER_GATE_INSTALLATION) === kind);
    return { status: 200, text: JSON.stringify(found) };
  }

  private ask(wanted: EngineRequest): Promise<Answer> {
    return answerOf(this.settings.PURSER_GATE_ENGINE, wanted);
  }
}

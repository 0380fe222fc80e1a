import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type CallOptions,
  type ComputeDriver,
  ComputeFailed,
  type ComputeResource,
  type MachineType,
  type PluginContext,
  type VmSpec,
} from '@purser/plugin-sdk';
import type { AuthClient } from 'google-auth-library';
import { unpullable } from './agent-image.js';
import { Api, NotDone, Uncertain } from './api.js';
import type { GcpComputeConfig } from './config.js';
import { credentials } from './credentials.js';
import { brief, failed, operationFailed, Refused, withoutSecrets } from './failures.js';
import { instance, requestIdOf } from './instance.js';
import { unreachable } from './public-address.js';
import { addressOf, diskOf, machineTypesOf, scoped, vmOf, zonesOf } from './resources.js';
import { missingRights } from './rights.js';
import { Sdk } from './sdk.js';

type Named = Pick<ComputeResource, 'kind' | 'name' | 'zone'>;
type Calls = { api: Api; auth: AuthClient; project: string };

const OURS = ['purser-installation', 'purser-vm'];
/** Between two looks at what is to come about. */
const LOOK_MS = 250;

/** VMs of Google Compute Engine. */
export class GcpCompute implements ComputeDriver {
  readonly provider = 'gcp';
  private opened: Promise<Calls> | undefined;

  constructor(
    private readonly context: PluginContext,
    private readonly config: GcpComputeConfig,
  ) {}

  async check({ signal }: CallOptions): Promise<void> {
    const wrong = unreachable(this.natsUrl()) ?? unpullable(this.config.agentImage);
    if (wrong) throw new ComputeFailed('refused', wrong);
    const { auth, project } = await this.calls(signal);
    // Asks for a token as well, so that it says first what is wrong with that.
    const [zone] = await this.zones({ signal });
    if (zone === undefined)
      throw new ComputeFailed(
        'refused',
        `there is no zone in ${this.config.region}: set GCP_REGION and GCP_ZONE to one of \`gcloud compute zones list\``,
      );
    const missing = await missingRights(auth, { ...this.config, project }, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw new Error(`Resource Manager does not answer: ${brief((error as Error).message)}`);
    });
    if (missing === undefined)
      this.context.logger.warn({ project }, 'Rights cannot be looked up: enable cloudresourcemanager.googleapis.com');
    else if (missing.length > 0)
      throw new ComputeFailed(
        'refused',
        `The account lacks ${missing.join(', ')} in ${project}: give it the role of docs/guides/compute.md (gcloud iam roles create …)`,
      );
  }

  async zones({ signal }: CallOptions): Promise<string[]> {
    const { zones, zone, region } = this.config;
    if (zones) return [...new Set(zones)];
    const { api, project } = await this.calls(signal);
    const pages = await this.asking(api.pages('zones', 'list', { project }, signal), project);
    const there = pages.flatMap((items) => zonesOf(items, region)).sort();
    return [...new Set([...(zone === undefined ? [] : [zone]), ...there])];
  }

  async machineTypes(zone: string, { signal }: CallOptions): Promise<MachineType[]> {
    const { api, project } = await this.calls(signal);
    const pages = await this.asking(api.pages('machine_types', 'list', { project, zone }, signal), project);
    return pages.flatMap(machineTypesOf);
  }

  async create(spec: VmSpec, { signal }: CallOptions): Promise<ComputeResource> {
    try {
      return await this.make(spec, signal);
    } catch (error) {
      throw withoutSecrets(error, spec.startup);
    }
  }

  private async make(spec: VmSpec, signal: AbortSignal): Promise<ComputeResource> {
    const wrong = unreachable(this.natsUrl()) ?? unpullable(spec.startup.agent.image);
    if (wrong) throw new ComputeFailed('refused', wrong);
    const instanceResource = instance(spec, this.config);
    const { api, project } = await this.calls(signal);
    const where = { project, zone: spec.zone };
    let begun: unknown;
    try {
      const requestId = requestIdOf(spec, instanceResource);
      begun = await api.ask('instances', 'insert', { ...where, requestId, instanceResource }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Refused && error.status === 409) return this.running(spec, signal);
      if (error instanceof NotDone) throw new ComputeFailed('unavailable', error.message);
      const failure = error instanceof Refused ? failed(error, { project }) : error;
      if (failure instanceof ComputeFailed && !isLockedOut(error)) return this.unlessThere(spec, failure, signal);
      throw failure;
    }
    // Google has taken it: from here on only the operation itself can say that nothing was done.
    const operation = await this.uncertain(spec, signal, api.done(begun, where, signal));
    if (operation?.error?.errors.length)
      return this.unlessThere(spec, operationFailed(operation.error.errors, project), signal);
    return this.running(spec, signal);
  }

  async list(installation: string, { signal }: CallOptions): Promise<ComputeResource[]> {
    const { api, project } = await this.calls(signal);
    const filter = `labels.purser-installation=${installation}`;
    const all = async (kind: 'instances' | 'disks' | 'addresses') => {
      const pages = await this.asking(api.pages(kind, 'aggregatedList', { project, filter }, signal), project);
      return pages.flatMap((items) => scoped(items, kind));
    };
    const [vms, disks, addresses] = [await all('instances'), await all('disks'), await all('addresses')];
    const alone = disks.map(diskOf).filter(({ attached }) => !attached);
    return [...vms.map(vmOf), ...alone.map(({ attached: _, ...disk }) => disk), ...addresses.map(addressOf)];
  }

  async get({ kind, name, zone }: Named, { signal }: CallOptions): Promise<ComputeResource | undefined> {
    const { api, project } = await this.calls(signal);
    const where = place({ kind, name, zone }, project);
    try {
      const body = await api.ask(SERVICE[kind], 'get', { ...where, [FIELD[kind]]: name }, signal);
      if (kind === 'vm') return vmOf(body);
      if (kind === 'address') return addressOf(body);
      const { attached: _, ...disk } = diskOf(body);
      return disk;
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return undefined;
      throw error instanceof Refused ? failed(error, { project }) : error;
    }
  }

  async delete(resource: Named, { signal }: CallOptions): Promise<void> {
    const { api, project } = await this.calls(signal);
    const { kind, name } = resource;
    const where = place(resource, project);
    try {
      const asked = { ...where, [FIELD[kind]]: name, requestId: randomUUID() };
      const operation = await api.done(await api.ask(SERVICE[kind], 'delete', asked, signal), where, signal);
      if (operation?.error?.errors.length) throw operationFailed(operation.error.errors, project);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.status !== 404) throw failed(error, { project });
    }
    while (await this.get(resource, { signal }))
      await pause(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }

  /** Of the two that ask for the same VM, one finds that it is there already. */
  private async running(spec: VmSpec, signal: AbortSignal): Promise<ComputeResource> {
    for (;;) {
      const vm = await this.uncertain(spec, signal, this.get({ kind: 'vm', ...spec }, { signal }));
      if (!vm) throw new Error(`${spec.name} was taken away as soon as it was made`);
      if (OURS.some((label) => vm.labels[label] !== spec.labels[label]))
        throw new ComputeFailed(
          'refused',
          `There is another VM of the name ${spec.name} in ${spec.zone}, which is not this installation’s: delete it, or leave it and ask again under another name`,
        );
      if (vm.state === 'running') return vm;
      if (vm.state !== 'starting') throw new Error(`${spec.name} is there, but ${vm.state}`);
      await pause(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** An earlier request for it, of which nobody heard again, may have been done. */
  private async unlessThere(spec: VmSpec, failure: ComputeFailed, signal: AbortSignal): Promise<ComputeResource> {
    const there = await this.uncertain(spec, signal, this.get({ kind: 'vm', ...spec }, { signal }));
    if (there === undefined) throw failure;
    return this.running(spec, signal);
  }

  /** Whoever may not look, or gets no answer, does not know whether it is there. */
  private async uncertain<T>({ name }: VmSpec, signal: AbortSignal, looking: Promise<T>): Promise<T> {
    try {
      return await looking;
    } catch (error) {
      signal.throwIfAborted();
      throw new Uncertain(`${name} was asked for, and may be there: ${(error as Error).message}`);
    }
  }

  private async asking<T>(doing: Promise<T>, project: string): Promise<T> {
    try {
      return await doing;
    } catch (error) {
      if (error instanceof NotDone) throw new ComputeFailed('unavailable', error.message);
      throw error instanceof Refused ? failed(error, { project }) : error;
    }
  }

  get place(): string {
    return this.config.project ?? 'no project';
  }

  private natsUrl(): string | undefined {
    return this.config.publicNatsUrl ?? this.context.secret('PURSER_PUBLIC_NATS_URL');
  }

  /** Opened at the first call, for Google's library is large; again after it could not be. */
  private async calls(signal: AbortSignal): Promise<Calls> {
    signal.throwIfAborted();
    this.opened ??= this.open();
    return this.opened.catch((error: unknown) => {
      this.opened = undefined;
      throw new ComputeFailed('refused', brief((error as Error).message));
    });
  }

  private async open(): Promise<Calls> {
    const { project, apiEndpoint } = this.config;
    if (project === undefined)
      throw new Error('GCP_PROJECT_ID is not set: it names the project in which VMs are made, and which pays for them');
    const auth = await credentials(this.context, this.config);
    return { api: new Api(new Sdk(this.config, auth), auth, new URL(apiEndpoint).origin), auth, project };
  }
}

const SERVICE = { vm: 'instances', disk: 'disks', address: 'addresses' } as const;
const FIELD = { vm: 'instance', disk: 'disk', address: 'address' } as const;

const place = ({ kind, zone }: Named, project: string) =>
  kind === 'address' ? { project, region: zone } : { project, zone };

/** Whoever may not ask cannot look either. */
const isLockedOut = (error: unknown): boolean =>
  error instanceof Refused && (error.status === 401 || (error.status === 403 && !/quota/i.test(error.message)));

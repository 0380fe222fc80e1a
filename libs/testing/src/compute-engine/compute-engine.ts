import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { charge, type Meter, RATES, type Rates } from './bill.js';
import { Estate } from './estate.js';
import { type Call, type Fault, Faults } from './faults.js';
import { Operations } from './operations.js';
import { type Asked, Requests } from './requests.js';
import { type Answer, refusal } from './wire.js';

export interface ComputeEngineOptions {
  project?: string;
  /** Milliseconds; of the machine when left out. */
  now?: () => number;
  bootMs?: number;
  deleteMs?: number;
  rates?: Rates;
}

/**
 * Google Compute Engine's REST interface on loopback, with the token endpoint and the question for permissions of Resource
 * Manager beside it: zones, machine types, instances, disks, addresses and operations of one project, as Google's own SDK
 * speaks to them. It has an inventory and a bill of its own, to be compared with what its clients believe.
 */
export class ComputeEngine {
  readonly project: string;
  readonly estate: Estate;
  readonly operations: Operations;
  readonly faults = new Faults();
  /** Every request, by what it was for. */
  readonly asked: Asked[] = [];
  /** Zones where nothing is to be had. */
  readonly stockouts = new Set<string>();
  /** Permissions that the account lacks. */
  readonly denied = new Set<string>();
  quotaFull = false;
  /** Refuses every token. */
  refusing = false;
  /** So much later do lists hear of what was made and deleted. */
  listsLagMs = 0;
  pageSize = 500;
  /** How long VMs take to run, and to be gone; may change at any time. */
  readonly slow: { bootMs: number; deleteMs: number };
  private skewMs = 0;
  private readonly rates: Rates;
  private readonly server: Server;
  private readonly requests: Requests;

  constructor(options: ComputeEngineOptions = {}) {
    const { project = 'demo-project', now = Date.now, bootMs = 20, deleteMs = 20, rates = RATES } = options;
    this.project = project;
    this.rates = rates;
    this.now = () => now() + this.skewMs;
    this.slow = { bootMs, deleteMs };
    this.estate = new Estate(this.now, this.slow);
    this.operations = new Operations(project, this.now, () => this.estate.nextId());
    this.requests = new Requests(this, this.slow);
    this.server = createServer((request, response) => {
      this.serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  readonly now: () => number;

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The file of a service account whose tokens are had here. */
  serviceAccount(): { type: string; client_email: string; private_key: string; token_uri: string } {
    KEY ??= generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
    const client_email = `purser@${this.project}.iam.gserviceaccount.com`;
    return { type: 'service_account', client_email, private_key: KEY as string, token_uri: `${this.url}/token` };
  }

  /** Its clock goes on by so much at once. */
  advance(ms: number): void {
    this.skewMs += ms;
    this.estate.pass();
  }

  /** So many next requests of this kind are met by it; `*.*` for all. */
  meet(call: Call, fault: Fault, times = 1): void {
    this.faults.plan(call, fault, times);
  }

  /** Everything is well from now on; what there is stays. */
  steady(): void {
    this.faults.clear();
    this.stockouts.clear();
    this.denied.clear();
    Object.assign(this, { quotaFull: false, refusing: false, listsLagMs: 0 });
  }

  /** All that there is and costs: VMs, disks that outlived theirs, addresses. */
  inventory(): string[] {
    this.estate.pass();
    const { instances, disks, addresses } = this.estate;
    const alone = [...disks.values()].filter(({ user }) => user === undefined);
    return [...instances.values(), ...alone, ...addresses.values()].map(({ name }) => name).sort();
  }

  /** A VM of spot price is wanted back: it gets a notice, and is gone after so long. */
  preempt(name: string, noticeMs = 0): void {
    const instance = [...this.estate.instances.values()].find((one) => one.name === name);
    if (!instance) throw new Error(`there is no ${name}`);
    if (instance.body.scheduling?.provisioningModel !== 'SPOT') throw new Error(`${name} is not of spot price`);
    this.estate.end(instance, instance.ending, noticeMs);
    this.estate.pass();
  }

  /** Since when and until when everything was there. */
  meters(): readonly Meter[] {
    this.estate.pass();
    return this.estate.meters;
  }

  /** What everything has cost so far, in nano-dollars. */
  bill(): bigint {
    return this.meters().reduce((sum, meter) => sum + charge(meter, this.rates, this.now()), 0n);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const { method = 'GET', headers } = request;
    const { authorization } = headers;
    const body = Buffer.concat(parts).toString();
    const asked: Asked = { call: 'unknown.unknown', method, path: pathname, query: searchParams, authorization, body };
    asked.call = this.requests.callOf(asked);
    this.asked.push(asked);
    const fault = this.faults.next(asked.call);
    if (fault === 'hang') return;
    if (fault === 'lost-before') return void response.destroy();
    this.estate.pass();
    const answer = this.answer(asked, fault);
    if (fault === 'lost-after') return void response.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json; charset=UTF-8' });
    response.end(JSON.stringify(answer.body));
  }

  private answer(asked: Asked, fault: Fault | undefined): Answer {
    if (typeof fault === 'object' && 'status' in fault) return refusal(fault.status, fault.reason, fault.message);
    const failing = typeof fault === 'object' ? { code: fault.operation, message: fault.message } : undefined;
    const answer = this.requests.answer(asked, failing);
    return fault === '503-after' ? refusal(503, 'backendError', 'Internal error. Please try again.') : answer;
  }
}

/** Made once: keys take their time. */
let KEY: string | Buffer | undefined;

import { Injectable } from '@nestjs/common';
import type { ProviderStatus } from '@purser/contracts';
import { type FailedPlugin, type LoadedPlugin, RetryPolicy } from '@purser/plugin-host';
import type { ModelProvider, ProviderCheck } from '@purser/plugin-sdk';
import { Clock, Log, withoutSecrets } from '@purser/service';
import { BROWSER_API } from './client-side.js';
import { Circuits } from './circuits.js';
import { Admittance } from './provider-limits.js';

const CHECK_EVERY_MS = 30_000;
const CHECK_TIMEOUT_MS = 3_500;
/** A call that finds a provider missing has it looked for again, at most this often. */
const RECHECK_MS = 3_000;

const NO_RETRY = RetryPolicy.parse({ attempts: 1 });

interface Entry {
  provider: ModelProvider;
  retry: RetryPolicy;
  admittance: Admittance | undefined;
  /** Undefined until the first check is done: then a call may simply try. */
  state: ProviderCheck | undefined;
  checkedAt: number;
  checking: Promise<void> | undefined;
}

/** The configured providers, whether each can be reached now, and which are to be left alone for a while. */
@Injectable()
export class Providers {
  readonly circuits: Circuits;
  private readonly entries = new Map<string, Entry>();
  private failed: readonly FailedPlugin[] = [];
  private timer: NodeJS.Timeout | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.circuits = new Circuits((id, { ms, reason, error }) => {
      const lasting = error.kind === 'auth' || error.kind === 'model_not_found';
      this.log[lasting ? 'warn' : 'info']({ which: id, ms, reason }, 'a provider or model is left alone for a while');
    });
  }

  start(loaded: readonly LoadedPlugin<'modelProvider'>[], failed: readonly FailedPlugin[]): void {
    this.failed = failed;
    for (const { name, instance, entry } of loaded)
      this.entries.set(name, {
        provider: instance,
        retry: entry.retry ?? RetryPolicy.parse({}),
        admittance: entry.limits && new Admittance(entry.limits, () => this.clock.monotonic()),
        state: undefined,
        checkedAt: -Infinity,
        checking: undefined,
      });
    for (const { name, use, reason } of failed) this.log.warn({ name, use, reason }, 'a plugin could not be loaded');
    this.timer = setInterval(() => void this.checkAll(), CHECK_EVERY_MS);
    void this.checkAll();
  }

  stop(): void {
    clearInterval(this.timer);
    this.stopping.abort();
  }

  /** Resolves when every provider was looked at once; bounded by the checks' own limit. */
  async checkedOnce(): Promise<void> {
    await Promise.all(
      [...this.entries.values()].flatMap(({ state, checking }) => (state || !checking ? [] : [checking])),
    );
  }

  get(name: string): ModelProvider | undefined {
    return this.entries.get(name)?.provider;
  }

  retryPolicy(name: string): RetryPolicy {
    return this.entries.get(name)?.retry ?? NO_RETRY;
  }

  /** Undefined for one without limits. */
  admittance(name: string): Admittance | undefined {
    return this.entries.get(name)?.admittance;
  }

  /** Why a provider cannot be called now, or undefined when it can. */
  unavailable(name: string): string | undefined {
    if (name === BROWSER_API) return undefined;
    const entry = this.entries.get(name);
    if (!entry) {
      const broken = this.failed.find((plugin) => plugin.name === name);
      return broken?.reason ?? `no provider "${name}" is configured; add it to plugins.json`;
    }
    const reason = entry.state?.available === false ? entry.state.reason : undefined;
    if (reason !== undefined && this.clock.monotonic() - entry.checkedAt > RECHECK_MS) void this.check(name, entry);
    return reason;
  }

  /**
   * What speaks against a model that its provider does not list. Only told, not acted upon: lists of compatible servers
   * are not always complete (Azure's names no deployments), and a call for a model that is missing fails for free.
   */
  unlisted(name: string, model: string): string | undefined {
    const state = this.entries.get(name)?.state;
    if (!state?.available || !state.models || state.models.includes(model)) return undefined;
    return state.models.includes(`${model}:latest`) ? undefined : `${name} does not list the model "${model}"`;
  }

  statuses(): ProviderStatus[] {
    const loaded = [...this.entries].map(([name, { state }]) => ({
      name,
      available: state?.available ?? false,
      reason: state === undefined ? 'not looked at yet' : state.available ? null : state.reason,
    }));
    const broken = this.failed.map(({ name, use, reason }) => ({ name: name ?? use, available: false, reason }));
    return [...loaded, ...broken];
  }

  private async checkAll(): Promise<void> {
    await Promise.all([...this.entries].map(([name, entry]) => this.check(name, entry)));
  }

  private check(name: string, entry: Entry): Promise<void> {
    entry.checking ??= this.look(name, entry).finally(() => (entry.checking = undefined));
    return entry.checking;
  }

  private async look(name: string, entry: Entry): Promise<void> {
    const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)]);
    entry.checkedAt = this.clock.monotonic();
    let state: ProviderCheck;
    try {
      state = await within(signal, entry.provider.check({ signal }));
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      state = { available: false, reason: error instanceof Error ? error.message : String(error) };
    }
    if (!state.available) state = { ...state, reason: withoutSecrets(state.reason) };
    if (state.available !== entry.state?.available)
      this.log.info(
        { provider: name, ...(state.available ? {} : { reason: state.reason }) },
        state.available ? 'provider available' : 'provider not available',
      );
    entry.state = state;
  }
}

/** Also a plugin that does not heed its signal is not waited for. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error('it did not answer in time'));
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}

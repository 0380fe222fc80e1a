import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, Latch } from '@purser/service';
import type { ScannedModule } from '../components/module.js';
import type { Config } from '../config.js';
import { Memory } from '../memory/memory.service.js';
import type { SourceFacts } from './source-facts.js';
import type { Estimate } from './estimate.js';
import { whyNotIsolated } from './isolation.js';
import { measure, type Measured } from './measure.js';
import type { ModuleFiles } from './module-files.js';

/** Modules that import more than this are rare; so much must be free beside what is critical. */
const ROOM_MB = 1_024;

/** Profiles by importing, where that is allowed and harmless. */
@Injectable()
export class Imports {
  private isolation: Promise<string | undefined> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly memory: Memory,
    private readonly latch: Latch,
  ) {}

  /** As it was measured; as it was estimated, and why, where it was not imported or that failed. */
  async tried(
    module: ScannedModule,
    { entry, sources }: ModuleFiles,
    estimated: Estimate,
    facts: readonly SourceFacts[],
    signal: AbortSignal,
  ): Promise<Estimate> {
    if (estimated.executable !== null || entry === undefined) return estimated;
    // What could not be read may be a program: it is not run to see.
    if (facts.length < sources.length || facts.some(({ error }) => error !== null))
      return { ...estimated, note: estimated.note ?? 'not imported: its sources were not read' };
    const hindrance = await this.hindrance();
    if (hindrance !== undefined) return { ...estimated, note: estimated.note ?? `not imported: ${hindrance}` };
    const limits = {
      python: this.config.PURSER_PROFILE_PYTHON,
      timeoutMs: this.config.PURSER_PROFILE_TIMEOUT_SECONDS * 1000,
      memoryMb: this.config.PURSER_PROFILE_MEMORY_MB,
      sealedFrom: this.config.PURSER_PROFILE_IMPORTS === 'isolated' ? this.config.PURSER_HOME : undefined,
    };
    return withMeasured(estimated, await measure(module, entry, limits, signal));
  }

  private async hindrance(): Promise<string | undefined> {
    const { PURSER_PROFILE_IMPORTS: how, PURSER_PROFILE_MEMORY_MB: limit, CRITICAL_RAM_THRESHOLD_GB } = this.config;
    if (how === 'never') return 'PURSER_PROFILE_IMPORTS is never';
    if (this.latch.latest?.active === true) return 'there is an emergency';
    const why = how === 'isolated' ? await (this.isolation ??= whyNotIsolated()) : undefined;
    if (why !== undefined)
      return `it cannot be sealed off here (${why}); PURSER_PROFILE_IMPORTS=anywhere imports it all the same`;
    const { reading } = await this.memory.read();
    const needed = Math.min(limit, ROOM_MB) + CRITICAL_RAM_THRESHOLD_GB * 1024;
    return reading.availableMb < needed ? 'too little memory was free' : undefined;
  }
}

function withMeasured(estimated: Estimate, measured: Measured): Estimate {
  if ('error' in measured) return { ...estimated, note: `not measured: ${measured.error}` };
  const places = (value: number, factor: number) => Math.round(value * factor) / factor;
  return {
    ...estimated,
    evidence: 'measured',
    memoryMb: places(measured.memoryMb, 10),
    startSeconds: places(measured.startSeconds, 1000),
    cpuSeconds: places(measured.cpuSeconds, 1000),
    note: null,
  };
}

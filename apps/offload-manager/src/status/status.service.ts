import { Inject, Injectable } from '@nestjs/common';
import type { ComponentStatus, OffloadStatus } from '@purser/contracts';
import { CONFIG } from '@purser/service';
import { Components } from '../components/components.service.js';
import type { Config } from '../config.js';
import { DecisionsRepository } from '../deciding/decisions.repository.js';
import { figuresOf, Situations } from '../deciding/situations.service.js';
import { Catalogue } from '../scoring/catalogue.service.js';
import { Finances } from './finances.service.js';
import { heavyOnes, recommendationsFor } from './recommendations.js';

const HEAVY_SHOWN = 20;

/** How offloading stands, in one answer. */
@Injectable()
export class StatusService {
  constructor(
    private readonly situations: Situations,
    private readonly components: Components,
    private readonly catalogue: Catalogue,
    private readonly decisions: DecisionsRepository,
    private readonly finances: Finances,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async read(): Promise<OffloadStatus> {
    const [state, compute, components, [lastDecision = null], { problems: unknown, ...costs }] = await Promise.all([
      this.situations.readMemory(),
      this.situations.compute(),
      this.catalogue.list(),
      this.decisions.newest(1),
      this.finances.read(),
    ]);
    const memory = figuresOf(state);
    const { config } = this;
    const problems = [...this.components.problems, ...unknown, ...(compute.problem === null ? [] : [compute.problem])];
    const offloadable = components.filter(
      ({ stays, weight }) => stays === null && (weight ?? 0) >= config.MIN_WEIGHT_FOR_OFFLOAD,
    );
    return {
      at: state.reading.at.toISOString(),
      health: config.HYBRID_ORCHESTRATION_ENABLED ? (problems.length > 0 ? 'degraded' : 'ok') : 'off',
      problems,
      dryRun: config.HYBRID_ORCHESTRATION_DRY_RUN,
      autoMigration: config.ENABLE_AUTO_MIGRATION,
      preset: config.HYBRID_ORCHESTRATION_PRESET,
      compute,
      memory,
      components: {
        known: components.length,
        profiled: components.filter(({ evidence }) => evidence !== null).length,
        heavy: heavyOnes(components, config.HEAVY_COMPONENT_RAM_MB).length,
        offloadable: offloadable.length,
        moving: at(components, 'moving').length,
        onVms: at(components, 'vm').length,
      },
      ramToSaveMb: memoryOf(at(offloadable, 'local')),
      ramSavedMb: memoryOf(at(components, 'vm')),
      costs,
      heavyComponents: heavyOnes(components, config.HEAVY_COMPONENT_RAM_MB).slice(0, HEAVY_SHOWN),
      recommendations: recommendationsFor({
        components,
        memory,
        heavyMb: config.HEAVY_COMPONENT_RAM_MB,
        minWeight: config.MIN_WEIGHT_FOR_OFFLOAD,
        offloadMb: this.situations.bounds.offloadMb,
        dryRun: config.HYBRID_ORCHESTRATION_DRY_RUN,
        autoMigration: config.ENABLE_AUTO_MIGRATION,
        pointless: this.situations.pointless(),
        ...compute,
      }),
      lastDecision,
    };
  }
}

const at = (components: readonly ComponentStatus[], place: ComponentStatus['place']): ComponentStatus[] =>
  components.filter((one) => one.place === place);

const memoryOf = (components: readonly ComponentStatus[]): number =>
  Math.round(components.reduce((sum, { memoryMb }) => sum + (memoryMb ?? 0), 0));

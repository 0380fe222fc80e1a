import { z } from 'zod';
import { ComponentName, ComponentStatus } from './components.js';
import { operation } from './contract.js';
import { Instant, limitUpTo, Usd } from './scalars.js';

/** `easing`: neither scarce nor so plentiful that something could come back. */
export const Pressure = z.enum(['calm', 'easing', 'pressure', 'critical']);
export type Pressure = z.infer<typeof Pressure>;

/** Of this machine, or of the container that Purser runs in, whichever leaves less. */
export const MemoryFigures = z.object({
  availableMb: z.number(),
  totalMb: z.number(),
  usedPercent: z.number(),
  pressure: Pressure,
  /** How available memory changes; null while too little is known. */
  trendMbPerMinute: z.number().nullable(),
});
export type MemoryFigures = z.infer<typeof MemoryFigures>;

export const DecidedMove = z.object({
  component: ComponentName,
  to: z.enum(['vm', 'local']),
  machineType: z.string().nullable(),
  spot: z.boolean().nullable(),
  /** VM and disk for the longest life a VM may have. */
  worstCaseUsd: Usd.nullable(),
  reason: z.string(),
  /** `begun`, or why it was not. */
  outcome: z.string(),
});
export type DecidedMove = z.infer<typeof DecidedMove>;

export const OffloadDecision = z.object({
  id: z.string(),
  /** When it was first decided so, and last: equal decisions in a row are one. */
  at: Instant,
  lastAt: Instant,
  times: z.number().int(),
  action: z.enum(['none', 'offload', 'recall']),
  /** Memory is critical, and nothing waited. */
  urgent: z.boolean(),
  reason: z.string(),
  moves: z.array(DecidedMove),
  /** As it was when this was last decided. */
  memory: MemoryFigures,
});
export type OffloadDecision = z.infer<typeof OffloadDecision>;

export const offloadDecisions = operation('offload.decisions', {
  owner: 'offload-manager',
  summary: 'What was decided about moving components, and why, newest first; also when it was to do nothing.',
  request: z.object({ limit: limitUpTo(1_000, 50), action: z.enum(['none', 'offload', 'recall']).optional() }),
  reply: z.object({ decisions: z.array(OffloadDecision) }),
  http: { method: 'GET', path: '/v1/offload/decisions' },
});

export const offloadDecide = operation('offload.decide', {
  owner: 'offload-manager',
  summary: 'Look at memory, components and money now, and decide by the same rules as ever.',
  request: z.object({}),
  reply: z.object({ decision: OffloadDecision }),
  http: { method: 'POST', path: '/v1/offload/decide' },
});

export const OffloadStatus = z.object({
  at: Instant,
  /** `off`: HYBRID_ORCHESTRATION_ENABLED is false. `degraded`: something in `problems` keeps it from its work. */
  health: z.enum(['ok', 'degraded', 'off']),
  problems: z.array(z.string()),
  dryRun: z.boolean(),
  autoMigration: z.boolean(),
  preset: z.string(),
  /** Where VMs come from, and why from there; null when there are none, which is no problem by itself. */
  compute: z.object({
    provider: z.string().nullable(),
    why: z.string(),
    /** What keeps VMs from being made there, as its driver tells it, and how to mend it. */
    problem: z.string().nullable().default(null),
  }),
  memory: MemoryFigures,
  components: z.object({
    known: z.number().int(),
    profiled: z.number().int(),
    /** At least HEAVY_COMPONENT_RAM_MB. */
    heavy: z.number().int(),
    /** That can move, and weigh enough. */
    offloadable: z.number().int(),
    moving: z.number().int(),
    onVms: z.number().int(),
  }),
  /** Of all that could be offloaded and is here, and of what is on VMs. */
  ramToSaveMb: z.number(),
  ramSavedMb: z.number(),
  costs: z.object({
    /** What the VMs that are there cost now. */
    perHourUsd: Usd,
    /** The period of the figures below: this month, UTC. */
    since: Instant,
    vmsCreated: z.number().int(),
    totalEstimatedUsd: Usd,
    /** Against regular machines of the same kinds for the same time, by the prices that were billed. */
    savingsUsd: Usd,
    /** At the month's end, if it goes on as in the last 7 days, or what runs now until it ends, if that is more; null with ENABLE_COST_FORECASTING=false. */
    forecastUsd: Usd.nullable(),
    /** COST_ALERT_DAILY, _WEEKLY and _MONTHLY, of which cost-watchdog tells people. VMs count in them. */
    alerts: z.array(
      z.object({ period: z.enum(['day', 'week', 'month']), alertUsd: Usd, spentUsd: Usd, over: z.boolean() }),
    ),
  }),
  heavyComponents: z.array(ComponentStatus),
  recommendations: z.array(z.string()),
  lastDecision: OffloadDecision.nullable(),
});
export type OffloadStatus = z.infer<typeof OffloadStatus>;

export const offloadStatus = operation('offload.status', {
  owner: 'offload-manager',
  summary: 'How offloading stands: memory, components, VMs and what they cost, savings, and what to do.',
  request: z.object({}),
  reply: OffloadStatus,
  http: { method: 'GET', path: '/v1/offload/status' },
});

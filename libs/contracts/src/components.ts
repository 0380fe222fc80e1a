import { z } from 'zod';
import { operation } from './contract.js';
import { Instant } from './scalars.js';

/**
 * What a component is called: a module by its path with dots, such as `voice.coreml`. One that can move has no dot in it,
 * since its name ends the subject that it is reached by.
 */
export const ComponentName = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/,
    'letters, digits, "-" and "_", with dots between parts, such as "embedder" or "voice.coreml"',
  )
  .max(200, 'at most 200 characters');

/** `live`: what it uses now. `measured`: imported in a process of its own. `static`: read, never run. `configured`: as components.json says. */
export const Evidence = z.enum(['live', 'measured', 'configured', 'static']);
export type Evidence = z.infer<typeof Evidence>;

/** What is known of a component's needs. */
export const Profile = z.object({
  evidence: Evidence,
  memoryMb: z.number().nonnegative(),
  /** Until it was there to be used. */
  startSeconds: z.number().nonnegative().nullable(),
  /** Processor time per second while it works, or seconds of it that the import took. */
  cpuSeconds: z.number().nonnegative().nullable(),
  /** Libraries known to be heavy, with what each is taken for. */
  heavyImports: z.array(z.object({ name: z.string(), memoryMb: z.number() })),
  imports: z.number().int().nonnegative(),
  classes: z.number().int().nonnegative(),
  sourceBytes: z.number().int().nonnegative(),
  /** A program rather than a module, and how that was seen: it is never imported. */
  executable: z.string().nullable(),
  /** What kept it from being known better. */
  note: z.string().nullable(),
  profiledAt: Instant,
});
export type Profile = z.infer<typeof Profile>;

/** A part of the weight, in points, and where it comes from. */
export const WeightPart = z.object({ part: z.string(), points: z.number(), of: z.number(), because: z.string() });
export type WeightPart = z.infer<typeof WeightPart>;

export const OffloadPriority = z.enum(['critical', 'high', 'medium', 'low', 'never']);
export type OffloadPriority = z.infer<typeof OffloadPriority>;

export const ComponentStatus = z.object({
  name: ComponentName,
  kind: z.enum(['service', 'container', 'module', 'executor']),
  /** Where it was found: `components.json`, `docker`, a folder, or a runner. */
  source: z.string(),
  image: z.string().nullable(),
  place: z.enum(['local', 'moving', 'vm']),
  vm: z.string().nullable(),
  /** 0 to 100; null as long as nothing is known. */
  weight: z.number().min(0).max(100).nullable(),
  priority: OffloadPriority,
  memoryMb: z.number().nullable(),
  evidence: Evidence.nullable(),
  /** Why it cannot move to a VM; null when it can. */
  stays: z.string().nullable(),
});
export type ComponentStatus = z.infer<typeof ComponentStatus>;

export const componentsList = operation('components.list', {
  owner: 'offload-manager',
  summary: 'Every component that was found, the heaviest first, and what is wrong with where they are looked for.',
  request: z.object({}),
  reply: z.object({ components: z.array(ComponentStatus), problems: z.array(z.string()) }),
  http: { method: 'GET', path: '/v1/components' },
});

export const componentsGet = operation('components.get', {
  owner: 'offload-manager',
  summary: 'One component: its profile, the parts of its weight, and whether it can move.',
  request: z.object({ name: ComponentName }),
  reply: z.object({
    ...ComponentStatus.shape,
    profile: Profile.nullable(),
    parts: z.array(WeightPart),
    /** In sentences, for people. */
    explanation: z.array(z.string()),
  }),
  http: { method: 'GET', path: '/v1/components/:name' },
});

export const componentsProfile = operation('components.profile', {
  owner: 'offload-manager',
  summary: 'Profile a component anew, whatever is known of it; `components.get` tells what comes of it.',
  request: z.object({ name: ComponentName }),
  reply: z.object({ name: ComponentName, askedAt: Instant }),
  http: { method: 'POST', path: '/v1/components/:name/profile', status: 202 },
});

export const componentsDiscover = operation('components.discover', {
  owner: 'offload-manager',
  summary:
    'Look for components now, everywhere, and tell what changed since they were looked for last. New ones are profiled after the answer.',
  request: z.object({}),
  reply: z.object({
    known: z.number().int().nonnegative(),
    /** Names. */
    added: z.array(z.string()),
    /** Defined otherwise than before, or found elsewhere. */
    changed: z.array(z.string()),
    removed: z.array(z.string()),
    problems: z.array(z.string()),
  }),
  http: { method: 'POST', path: '/v1/components/discover' },
});

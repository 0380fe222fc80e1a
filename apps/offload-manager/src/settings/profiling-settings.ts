import { wholeBetween } from '@purser/service';
import { z } from 'zod';

/** Where components are looked for, and how closely they are looked at. */
export const profilingSettings = {
  /** Where Docker is, as for every other program. */
  DOCKER_HOST: z.string().optional(),
  /** More folders of modules, separated by ":", beside `scan` in components.json. */
  PURSER_COMPONENT_FOLDERS: z.string().optional(),
  /**
   * Whether modules are imported to see what they take: where they can be kept off the network (`isolated`), never, or
   * wherever (`anywhere`), which only an operator who trusts them can say.
   */
  PURSER_PROFILE_IMPORTS: z
    .enum(['isolated', 'never', 'anywhere'], 'one of isolated, never, anywhere')
    .default('isolated'),
  /** Of the modules' own environment, where they have one. */
  PURSER_PROFILE_PYTHON: z.string().min(1).default('python3'),
  PURSER_PROFILE_TIMEOUT_SECONDS: wholeBetween(1, 3_600, 'seconds from 1 to 3600 such as 60').default(60),
  PURSER_PROFILE_MEMORY_MB: wholeBetween(64, 1_000_000, 'megabytes such as 4096').default(4_096),
  /** A VM whose component is not healthy for so long is given up, and its component comes home. */
  PURSER_OFFLOAD_UNHEALTHY_SECONDS: wholeBetween(1, 86_400, 'seconds from 1 to 86400 such as 60').default(60),
  /** Whether to move under pressure also where VMs take the memory of this same machine: for trying things out. */
  PURSER_OFFLOAD_SAME_MACHINE: z.stringbool('true or false').default(false),
  /** How long a component stays where it is before it moves again, and how long memory must have been plentiful before. */
  PURSER_OFFLOAD_DWELL_SECONDS: wholeBetween(1, 86_400, 'seconds from 1 to 86400 such as 300').default(300),
};

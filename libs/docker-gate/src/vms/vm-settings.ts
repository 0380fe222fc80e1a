import { z } from 'zod';
import { list, name, path, whole } from '../settings.ts';

/** Compose gives what is not set as an empty text. */
const unlessEmpty = <Inner extends z.ZodType>(inner: Inner) =>
  z.preprocess((given) => (given === '' ? undefined : given), inner.optional());

/** What the gate for VMs is told by its environment, and by nobody who asks it for them. */
export const VmGateSettings = z.object({
  /** The engine's own socket. */
  PURSER_GATE_ENGINE: path.default('/var/run/docker.sock'),
  /** Where it listens. */
  PURSER_GATE_SOCKET: path,
  /** Whose VMs these are: no others can be seen or touched. */
  PURSER_GATE_INSTALLATION: name,
  /** The one network that a VM is on. */
  PURSER_GATE_NETWORK: name,
  /** What the names of components' images begin with; any when it is empty. */
  PURSER_GATE_IMAGES: list,
  /** The image of every VM's agent; any that a component may have when it is left out. */
  PURSER_GATE_AGENT_IMAGE: unlessEmpty(z.string()),
  /** What an agent runs, by spaces; nothing else is run beside a component as what ends it in time. */
  PURSER_GATE_AGENT_COMMAND: z
    .string()
    .default('node /app/apps/vm-agent/dist/main.js')
    .transform((all) => all.split(' ').filter(Boolean)),
  PURSER_GATE_PULL: z.stringbool().default(true),
  /** The most for all components of VMs together; when left out the engine's own, and its processors for each of them. */
  PURSER_GATE_MEMORY_MB: unlessEmpty(whole(16_777_216)),
  PURSER_GATE_CPUS: unlessEmpty(z.coerce.number().min(0.1).max(1024)),
  /** The most VMs at once. */
  PURSER_GATE_VMS: whole(1_000).default(32),
  /** The longest that one may live. */
  PURSER_GATE_HOURS: z.coerce.number().min(0.01).max(8_760).default(120),
});
export type VmGateSettings = z.output<typeof VmGateSettings>;

import { z } from 'zod';

export const whole = (most: number) => z.coerce.number().int().min(1).max(most);
export const path = z.string().startsWith('/', 'a path such as /run/purser-containers');
export const name = z.string().regex(/^[A-Za-z0-9_.-]{1,100}$/, 'a name such as purser');
export const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  );

/** What the gate is told by its environment, and by nobody who asks it for containers. */
export const GateSettings = z.object({
  /** The engine's own socket. */
  PURSER_GATE_ENGINE: path.default('/var/run/docker.sock'),
  /** Of the sockets of this installation's gates: whose gate answers on none has its containers removed by another gate. */
  PURSER_GATE_FOLDER: path,
  /** Its socket is `<name>.sock` in that folder. */
  PURSER_GATE_NAME: name.default('docker'),
  /** Whose containers these are: nothing else on the engine can be seen or touched. */
  PURSER_GATE_INSTALLATION: name,
  /** The internal network of the containers; made when it is not there. */
  PURSER_GATE_NETWORK: name,
  /** Whether a container may be on Docker's own bridge, and so on the internet. */
  PURSER_GATE_BRIDGE: z.stringbool().default(false),
  /** Folders below which the folders that are mounted lie, as the caller names them. */
  PURSER_GATE_FOLDERS: list,
  /** `volume:/folder`, when the caller's folder is a volume's: what it names below that is mounted out of the volume. */
  PURSER_GATE_VOLUME: z
    .string()
    .regex(/^[A-Za-z0-9_.-]+:\/.+$/, 'a volume and where the caller has it, such as purser_runner-home:/var/lib/purser')
    .optional(),
  /** The most for one container. */
  PURSER_GATE_MEMORY_MB: whole(16_777_216).default(2048),
  PURSER_GATE_CPUS: z.coerce.number().min(0.01).max(1024).default(2),
  PURSER_GATE_PIDS: whole(4_194_304).default(512),
  /** The most at once. */
  PURSER_GATE_CONTAINERS: whole(1000).default(32),
  /** What the names of images begin with; any when it is empty. */
  PURSER_GATE_IMAGES: list,
  PURSER_GATE_PULL: z.stringbool().default(true),
  /** The gate ends, and its containers with it, when its standard input does: with the process that started it. */
  PURSER_GATE_ENDS_WITH_STDIN: z.stringbool().default(false),
});
export type GateSettings = z.output<typeof GateSettings>;

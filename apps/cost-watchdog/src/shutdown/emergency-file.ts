import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidRequest, PurserError, UsdInput } from '@purser/contracts';
import { formatUsd, parseUsd } from '@purser/money';
import { z } from 'zod';

/** Injection token of what config/emergency.json says. */
export const EMERGENCY_FILE = Symbol('emergency-file');

const seconds = (standard: number) => z.number().int().min(0).max(600).default(standard);

/** A label as Docker's filters write it: `purser.stop=true`, or only the name for whatever value. */
const Label = z.string().regex(/^[^=\s]+(=.*)?$/, 'a label such as "purser.stop=true"');

/** `*` stands for any characters. */
const NamePattern = z.string().regex(/[^*]/, 'a name such as "comfyui" or "train-*.py"').max(200);

const Docker = z.strictObject({
  /** `labelled`: containers with the label. `all`: every running one but Purser's own and protected ones. `off`: none. */
  mode: z.enum(['labelled', 'all', 'off']).default('labelled'),
  label: Label.default('purser.stop=true'),
  /** How long a container has between SIGTERM and SIGKILL. */
  graceSeconds: seconds(10),
  /** Names of containers that are never stopped, besides those labelled `purser.protect`. */
  protect: z.array(NamePattern).max(200).default([]),
});

const Processes = z.strictObject({
  /** Programs to stop on the watchdog's machine, by the name of the program or of the script that it runs. */
  stop: z.array(NamePattern).max(200).default([]),
  protect: z.array(NamePattern).max(200).default([]),
  graceSeconds: seconds(5),
});

export const EmergencyFile = z.strictObject({
  $schema: z.string().optional(),
  docker: Docker.prefault({}),
  processes: Processes.prefault({}),
  /** More containers and processes than this are not stopped but listed, and a person is told. */
  maxTargets: z.number().int().min(1).max(10_000).default(50),
  /** How long services have to acknowledge before containers are stopped: sessions may need them to wrap up. */
  acknowledgeSeconds: seconds(12),
  /** What an emergency does not stop though it costs: the report adds it up. */
  standingCosts: z
    .array(z.strictObject({ what: z.string().min(1).max(200), usdPerHour: UsdInput }))
    .max(200)
    .default([]),
});
export type EmergencyFile = z.output<typeof EmergencyFile>;

/** Without a file nobody has said that containers or programs of others may be stopped. */
export const WITHOUT_FILE: EmergencyFile = EmergencyFile.parse({ docker: { mode: 'off' } });

/** Reads config/emergency.json. A bad file stops the start: the error names the field and what would be right. */
export async function loadEmergencyFile(configDir: string): Promise<EmergencyFile> {
  const path = join(configDir, 'emergency.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return WITHOUT_FILE;
    throw new PurserError('invalid_request', { message: `${path} cannot be read: ${(cause as Error).message}`, cause });
  }
  return parseEmergencyFile(text, path);
}

export function parseEmergencyFile(text: string, path: string): EmergencyFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${path} is not JSON: ${(cause as Error).message}`, cause });
  }
  const parsed = EmergencyFile.safeParse(value);
  if (!parsed.success) throw invalidRequest(path, parsed.error);
  const standingCosts = parsed.data.standingCosts.map(({ what, usdPerHour }) => ({
    what,
    usdPerHour: formatUsd(parseUsd(usdPerHour)),
  }));
  return { ...parsed.data, standingCosts };
}

/** For editors: what may stand in config/emergency.json. */
export const emergencyFileSchema = (): Record<string, unknown> => ({
  title: 'What an emergency of Purser stops besides its own services',
  ...z.toJSONSchema(EmergencyFile, { io: 'input', reused: 'inline' }),
});

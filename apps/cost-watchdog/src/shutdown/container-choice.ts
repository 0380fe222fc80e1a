import { Usd } from '@purser/contracts';
import type { EmergencyFile } from './emergency-file.js';
import { namePattern } from './name-pattern.js';

/** What the list of containers tells, as far as it matters here. */
export interface ContainerSeen {
  id: string;
  name: string;
  image: string;
  /** `running`, `paused`, `restarting`, `exited`, `created`, ... */
  state: string;
  labels: Readonly<Record<string, string>>;
}

/** What tells Purser's own containers: the one that this process runs in, and those of the same compose project. */
export interface OwnContainer {
  id: string | undefined;
  project: string | undefined;
}

export type Choice = { verdict: 'stop' | 'protected' | 'left'; why: string };

export const PROTECT_LABEL = 'purser.protect';
export const PRICE_LABEL = 'purser.usd-per-hour';
const PROJECT_LABEL = 'com.docker.compose.project';

const LIVE = ['running', 'paused', 'restarting'];
export const isLive = ({ state }: Pick<ContainerSeen, 'state'>): boolean => LIVE.includes(state);

export const projectOf = ({ labels }: Pick<ContainerSeen, 'labels'>): string | undefined => labels[PROJECT_LABEL];

/** Somebody who writes `purser.protect=false` means it. */
export const isProtected = (labels: Readonly<Record<string, string>>): boolean =>
  labels[PROTECT_LABEL] !== undefined && labels[PROTECT_LABEL] !== 'false';

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf('=');
  return at < 0 ? labels[wanted] !== undefined : labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}

/** Protection wins over everything, and whoever runs this is never stopped. */
export function containerChoice(
  { mode, label, protect }: EmergencyFile['docker'],
  own: OwnContainer,
): (container: ContainerSeen) => Choice {
  const protectedName = namePattern(protect);
  return (container) => {
    const { id, name, labels } = container;
    if (own.id !== undefined && id.startsWith(own.id)) return { verdict: 'protected', why: 'this watchdog runs in it' };
    if (isProtected(labels)) return { verdict: 'protected', why: `labelled ${PROTECT_LABEL}` };
    if (protectedName(name)) return { verdict: 'protected', why: 'its name is protected in emergency.json' };
    if (hasLabel(labels, label)) return { verdict: 'stop', why: `labelled ${label}` };
    if (mode !== 'all') return { verdict: 'left', why: `not labelled ${label}` };
    const project = projectOf(container);
    if (project !== undefined && project === own.project)
      return { verdict: 'protected', why: `of Purser's own project ${project}` };
    return { verdict: 'stop', why: 'every container is stopped (mode all)' };
  };
}

/** What the container is said to cost while it runs. */
export function pricePerHour(labels: Readonly<Record<string, string>>): string | null {
  const price = Usd.safeParse(labels[PRICE_LABEL]);
  return price.success && !price.data.startsWith('-') ? price.data : null;
}

import { decoded, ofImage } from '../rules.ts';
import { VM_NAME } from './vm-body.ts';
import { VM_LABELS } from './vm-labels.ts';

/** What a caller may want. Whatever is asked of the engine is written anew from this: nothing is passed on. */
export type VmWish =
  | { do: 'info' | 'list-components' }
  | { do: 'list-vms'; labels: string[] }
  | { do: 'create'; name: string }
  | OfOne
  | { do: 'image' | 'pull'; name: string };
/** `of`: an id, or a name, which the gate looks up before it does anything. */
export interface OfOne {
  do: 'inspect' | 'start' | 'stop' | 'stats' | 'remove';
  of: string;
}

const VERSION = '(?:/v1\\.\\d{1,3})?';
/** As Docker has it: no name can be a path. */
const OF_CONTAINER = new RegExp(`^${VERSION}/containers/([A-Za-z0-9][A-Za-z0-9_.-]{0,127})(?:/([a-z]+))?$`);
const FILTER = /^purser[.-][a-z-]{1,40}(=[A-Za-z0-9_.-]{0,128})?$/;
const isVersioned = (path: string, wanted: string): boolean => new RegExp(`^${VERSION}${wanted}$`).test(path);

const ACTIONS: Readonly<Record<string, OfOne['do']>> = {
  'GET json': 'inspect',
  'POST start': 'start',
  'POST stop': 'stop',
  'GET stats': 'stats',
};

/** A VM's container, which may be told to be somebody else's where it is. */
export const isVmName = (name: string): boolean => VM_NAME.test(name.replace(/-agent$/, ''));

/** Undefined: refused. */
export function vmWishOf(method: string, target: string): VmWish | undefined {
  const at = target.indexOf('?');
  const path = decoded(at < 0 ? target : target.slice(0, at));
  if (path === undefined || path.split('/').includes('..')) return undefined;
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  if (method === 'GET' && isVersioned(path, '/info')) return { do: 'info' };
  if (method === 'GET' && isVersioned(path, '/containers/json')) return listOf(query.get('filters'));
  if (method === 'POST' && isVersioned(path, '/containers/create')) {
    const name = query.get('name') ?? '';
    return isVmName(name) ? { do: 'create', name } : undefined;
  }
  const [, of, action] = OF_CONTAINER.exec(path) ?? [];
  if (of === undefined) return ofImage(method, path, query);
  if (method === 'DELETE' && action === undefined) return { do: 'remove', of };
  const what = action === undefined ? undefined : ACTIONS[`${method} ${action}`];
  return what && { do: what, of };
}

function listOf(filters: string | null): VmWish | undefined {
  const labels = labelsIn(filters);
  if (labels?.includes(VM_LABELS.component)) return labels.length === 1 ? { do: 'list-components' } : undefined;
  return labels && { do: 'list-vms', labels };
}

function labelsIn(filters: string | null): string[] | undefined {
  try {
    const { label = [], ...others } = JSON.parse(filters ?? '{}') as { label?: unknown };
    const isSafe = (one: unknown): one is string => typeof one === 'string' && FILTER.test(one);
    const known = Array.isArray(label) && label.length <= 10 && label.every(isSafe) && Object.keys(others).length === 0;
    return known ? label : undefined;
  } catch {
    return undefined;
  }
}

const STOP_SECONDS = 10;

const listing = (all: boolean, label: string[]) => ({
  method: 'GET' as const,
  path: `/containers/json?all=${all}&filters=${encodeURIComponent(JSON.stringify({ label }))}`,
});

/** What the engine is asked for. */
export const asking = {
  info: { method: 'GET', path: '/info' } as const,
  vms: (installation: string, labels: readonly string[] = []) =>
    listing(true, [`${VM_LABELS.gate}=${installation}`, ...labels]),
  components: listing(false, [VM_LABELS.component]),
  one: (wish: OfOne): { method: 'GET' | 'POST' | 'DELETE'; path: string; timeoutMs?: number } => {
    const path = `/containers/${wish.of}`;
    switch (wish.do) {
      case 'inspect':
        return { method: 'GET', path: `${path}/json` };
      case 'start':
        return { method: 'POST', path: `${path}/start`, timeoutMs: 60_000 };
      case 'stop':
        return { method: 'POST', path: `${path}/stop?t=${STOP_SECONDS}`, timeoutMs: 3 * STOP_SECONDS * 1_000 };
      case 'stats':
        return { method: 'GET', path: `${path}/stats?stream=0` };
      case 'remove':
        return { method: 'DELETE', path: `${path}?force=1&v=1`, timeoutMs: 30_000 };
    }
  },
};

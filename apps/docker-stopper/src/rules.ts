/** What a caller may want of the engine. Everything that is asked for is written anew from this: nothing is passed on. */
export type Wish =
  | { do: 'list'; all: boolean }
  | { do: 'inspect'; id: string }
  | { do: 'drop-restart-policy'; id: string }
  | { do: 'stop'; id: string; graceSeconds: number }
  | { do: 'kill'; id: string }
  | { do: 'events' };

/** The name of a container could be a path; its id cannot. */
const ID = '([0-9a-f]{12,64})';
const VERSION = '(?:/v1\\.\\d{1,3})?';
const route = (path: string) => new RegExp(`^${VERSION}${path}$`);
const ROUTES = {
  list: route('/containers/json'),
  inspect: route(`/containers/${ID}/json`),
  update: route(`/containers/${ID}/update`),
  stop: route(`/containers/${ID}/stop`),
  kill: route(`/containers/${ID}/kill`),
  events: route('/events'),
};
const LONGEST_GRACE_SECONDS = 600;

/** Undefined: refused. */
export function wishOf(method: string, target: string, body: string): Wish | undefined {
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  const idIn = (pattern: RegExp): string | undefined => pattern.exec(path)?.[1];
  if (method === 'GET') {
    if (ROUTES.list.test(path)) return { do: 'list', all: ['1', 'true'].includes(query.get('all') ?? '') };
    if (ROUTES.events.test(path)) return { do: 'events' };
    const id = idIn(ROUTES.inspect);
    return id === undefined ? undefined : { do: 'inspect', id };
  }
  if (method !== 'POST') return undefined;
  const stop = idIn(ROUTES.stop);
  if (stop !== undefined) return { do: 'stop', id: stop, graceSeconds: graceOf(query.get('t')) };
  const kill = idIn(ROUTES.kill);
  if (kill !== undefined)
    return ['SIGKILL', 'KILL', '9', null].includes(query.get('signal')) ? { do: 'kill', id: kill } : undefined;
  const update = idIn(ROUTES.update);
  return update !== undefined && dropsRestartPolicy(body) ? { do: 'drop-restart-policy', id: update } : undefined;
}

function graceOf(text: string | null): number {
  const seconds = Number(text ?? 10);
  return Number.isInteger(seconds) && seconds >= 0 ? Math.min(seconds, LONGEST_GRACE_SECONDS) : 10;
}

/** An update can also give a container more memory or other devices: only this one change of it is let through. */
function dropsRestartPolicy(body: string): boolean {
  try {
    const { RestartPolicy, ...others } = JSON.parse(body) as { RestartPolicy?: { Name?: unknown } };
    return Object.keys(others).length === 0 && RestartPolicy?.Name === 'no';
  } catch {
    return false;
  }
}

const EVENTS = { type: ['container'], event: ['start', 'unpause', 'restart'] };

/** What the engine is asked for. */
export function requestFor(wish: Wish): { method: 'GET' | 'POST'; path: string; body?: string } {
  switch (wish.do) {
    case 'list':
      return { method: 'GET', path: `/containers/json?all=${wish.all}` };
    case 'inspect':
      return { method: 'GET', path: `/containers/${wish.id}/json` };
    case 'events':
      return { method: 'GET', path: `/events?filters=${encodeURIComponent(JSON.stringify(EVENTS))}` };
    case 'stop':
      return { method: 'POST', path: `/containers/${wish.id}/stop?t=${wish.graceSeconds}` };
    case 'kill':
      return { method: 'POST', path: `/containers/${wish.id}/kill?signal=SIGKILL` };
    case 'drop-restart-policy':
      return {
        method: 'POST',
        path: `/containers/${wish.id}/update`,
        body: JSON.stringify({ RestartPolicy: { Name: 'no' } }),
      };
  }
}

export const changes = ({ do: what }: Wish): boolean =>
  what === 'stop' || what === 'kill' || what === 'drop-restart-policy';

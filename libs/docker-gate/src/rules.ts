import { LABELS } from './labels.ts';

/** What a caller may want. Whatever is asked of the engine is written anew from this: nothing is passed on. */
export type Wish =
  | { do: 'about' | 'create' }
  | { do: 'watch'; id: string; forMs: number }
  | { do: 'start' | 'wait' | 'inspect' | 'logs' | 'stats' | 'remove'; id: string }
  | { do: 'kill'; id: string; signal: 'SIGTERM' | 'SIGKILL' }
  | { do: 'image' | 'pull'; name: string };
export type OfContainer = Extract<Wish, { id: string }>;

/** Longer than this nobody is believed to be there without a sign of life. */
export const LONGEST_WATCH_MS = 120_000;

const VERSION = '(?:/v1\\.\\d{1,3})?';
/** The name of a container could be a path; its id cannot. */
const OF_CONTAINER = new RegExp(`^${VERSION}/containers/([0-9a-f]{12,64})(?:/([a-z]+))?$`);
const OF_IMAGE = new RegExp(`^${VERSION}/images/([A-Za-z0-9][A-Za-z0-9._:/@-]{0,500})/json$`);
const IMAGE = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}$/;
const is = (path: string, wanted: string): boolean => new RegExp(`^${VERSION}${wanted}$`).test(path);

const PLAIN: Readonly<Record<string, 'start' | 'wait' | 'inspect' | 'logs' | 'stats'>> = {
  'POST start': 'start',
  'POST wait': 'wait',
  'GET json': 'inspect',
  'GET logs': 'logs',
  'GET stats': 'stats',
};

/** Undefined: refused. */
export function wishOf(method: string, target: string): Wish | undefined {
  const at = target.indexOf('?');
  const path = decoded(at < 0 ? target : target.slice(0, at));
  if (path === undefined || path.split('/').includes('..')) return undefined;
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  const [, id, action] = OF_CONTAINER.exec(path) ?? [];
  if (id !== undefined) return ofContainer(method, id, action, query);
  if (method === 'GET' && path === '/purser/about') return { do: 'about' };
  if (method === 'POST' && is(path, '/containers/create')) return { do: 'create' };
  return ofImage(method, path, query);
}

/** An image that is looked at or fetched. */
export function ofImage(
  method: string,
  path: string,
  query: URLSearchParams,
): Extract<Wish, { name: string }> | undefined {
  const [, image] = OF_IMAGE.exec(path) ?? [];
  if (method === 'GET' && image !== undefined) return { do: 'image', name: image };
  if (method === 'POST' && is(path, '/images/create')) {
    const name = pulled(query.get('fromImage') ?? '', query.get('tag'));
    return IMAGE.test(name) && !name.split('/').includes('..') ? { do: 'pull', name } : undefined;
  }
  return undefined;
}

function ofContainer(method: string, id: string, action: string | undefined, query: URLSearchParams): Wish | undefined {
  if (method === 'DELETE' && action === undefined) return { do: 'remove', id };
  if (method === 'POST' && action === 'kill') {
    const signal = query.get('signal') ?? 'SIGKILL';
    return signal === 'SIGTERM' || signal === 'SIGKILL' ? { do: 'kill', id, signal } : undefined;
  }
  if (method === 'POST' && action === 'watch') {
    const forMs = wholeIn(query.get('for'), LONGEST_WATCH_MS);
    return forMs === undefined ? undefined : { do: 'watch', id, forMs };
  }
  const what = action === undefined ? undefined : PLAIN[`${method} ${action}`];
  return what && { do: what, id };
}

function wholeIn(text: string | null, most: number): number | undefined {
  return text !== null && /^\d{1,9}$/.test(text) ? Math.min(Number(text), most) : undefined;
}

const pulled = (image: string, tag: string | null): string =>
  tag === null || tag === '' ? image : `${image}${tag.startsWith('sha256:') ? '@' : ':'}${tag}`;

export function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** Of this installation, in the engine's words. */
export const ownFilter = (installation: string): string =>
  encodeURIComponent(JSON.stringify({ label: [`${LABELS.managed}=${installation}`] }));

/** What callers may want of it, and the list of its own that a gate looks through. */
type Passed = Exclude<Wish, { do: 'about' | 'create' } | { do: 'watch' }> | { do: 'list' };

/** What the engine is asked for. */
export function requestFor(
  wish: Passed,
  installation: string,
): { method: 'GET' | 'POST' | 'DELETE'; path: string; timeoutMs?: number } {
  switch (wish.do) {
    case 'list':
      return { method: 'GET', path: `/containers/json?all=true&filters=${ownFilter(installation)}` };
    case 'image':
      return { method: 'GET', path: `/images/${wish.name}/json` };
    case 'pull':
      return {
        method: 'POST',
        path: `/images/create?fromImage=${encodeURIComponent(whole(wish.name))}`,
        timeoutMs: 60_000,
      };
    case 'inspect':
      return { method: 'GET', path: `/containers/${wish.id}/json` };
    case 'logs':
      return { method: 'GET', path: `/containers/${wish.id}/logs?stdout=1&stderr=1&follow=1`, timeoutMs: 0 };
    case 'stats':
      return { method: 'GET', path: `/containers/${wish.id}/stats?stream=0&one-shot=1` };
    case 'start':
      return { method: 'POST', path: `/containers/${wish.id}/start`, timeoutMs: 60_000 };
    case 'wait':
      return { method: 'POST', path: `/containers/${wish.id}/wait`, timeoutMs: 0 };
    case 'kill':
      return { method: 'POST', path: `/containers/${wish.id}/kill?signal=${wish.signal}` };
    case 'remove':
      return { method: 'DELETE', path: `/containers/${wish.id}?force=1&v=1`, timeoutMs: 30_000 };
  }
}

/** A name without a tag would be pulled with all the tags that it has. */
const whole = (name: string): string => (/[:@][^/]*$/.test(name) ? name : `${name}:latest`);

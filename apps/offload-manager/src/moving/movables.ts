import { PurserError } from '@purser/contracts';
import { type Component, type LocalPlace, whyItStays } from '../components/component.js';
import type { Components } from '../components/components.service.js';

/** What must be known of a component to start it elsewhere, and to bring it home. */
export interface Movable {
  name: string;
  image?: string | undefined;
  /** In the image; empty means the image's own. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  port?: number | undefined;
  healthPath: string;
  memoryMb?: number | undefined;
  diskGb: number;
  /** Where it runs on this machine, and how it is started and stopped there. */
  local?: LocalPlace | undefined;
}

export interface Movables {
  get(name: string): Movable | undefined;
  list(): readonly Movable[];
  /** False until they were looked for: nobody can tell yet what there is not. */
  searched(): boolean;
  /** Why it cannot move; undefined when it can. */
  whyItStays(name: string): string | undefined;
}

const NAMED_AT_MOST = 20;

/** @throws PurserError `not_found`, with what there is */
export function known(components: Movables, name: string): Movable {
  const found = components.get(name);
  if (found) return found;
  const names = components.list().map((one) => one.name);
  const more = names.length > NAMED_AT_MOST ? `, and ${names.length - NAMED_AT_MOST} more` : '';
  const there =
    names.length === 0 ? 'none was found yet' : `there are ${names.slice(0, NAMED_AT_MOST).join(', ')}${more}`;
  throw new PurserError('not_found', { message: `there is no component "${name}"; ${there}` });
}

export const movablesOf = (components: Components): Movables => ({
  get: (name) => components.get(name),
  list: () => components.list(),
  searched: () => components.searched,
  whyItStays: (name) => {
    const one: Component | undefined = components.get(name);
    return one ? whyItStays(one) : `there is no component "${name}"`;
  },
});

export const MOVABLES = Symbol('movable components');

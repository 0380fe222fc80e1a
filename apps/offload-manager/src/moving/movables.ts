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
  /** Why it cannot move; undefined when it can. */
  whyItStays(name: string): string | undefined;
}

export const movablesOf = (components: Components): Movables => ({
  get: (name) => components.get(name),
  list: () => components.list(),
  whyItStays: (name) => {
    const one: Component | undefined = components.get(name);
    return one ? whyItStays(one) : `there is no component "${name}"`;
  },
});

export const MOVABLES = Symbol('movable components');

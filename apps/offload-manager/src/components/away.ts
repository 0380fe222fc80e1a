import type { Movable } from '../moving/movables.js';

/** Injection token of Away. */
export const AWAY = Symbol('what is away');

/** Components that are on VMs, or on their way, as they were when they left: a container that was stopped is not found any more. */
export interface Away {
  definitions(): Promise<readonly Movable[]>;
}

/** Injection token of Places. */
export const PLACES = Symbol('places');

export interface PlaceOf {
  place: 'local' | 'moving' | 'vm';
  /** Its VM, when it is at one or on the way. */
  vm: string | null;
}

/** Where components are now; those that are not among them are on this machine. */
export interface Places {
  all(): Promise<ReadonlyMap<string, PlaceOf>>;
}

/** Injection token of Places. */
export const PLACES = Symbol('places');

export interface PlaceOf {
  place: 'local' | 'moving' | 'vm';
  /** Its VM, when it is at one or on the way. */
  vm: string | null;
  /** Of one that is moving. */
  towards?: 'vm' | 'local' | undefined;
  /** When it came there. */
  since: Date;
  /** Of its VM. */
  expiresAt?: Date | undefined;
  vmMemoryMb?: number | undefined;
  /** What it was seen to take here when it left. */
  tookMb?: number | undefined;
  /** Of one that is here: moves of it failed, and until then it is not tried again. */
  notBefore?: Date | undefined;
  /** Why its VM will not be there for long. */
  leaving?: string | undefined;
}

/** Where components are now; those that are not among them have always been on this machine. */
export interface Places {
  all(): Promise<ReadonlyMap<string, PlaceOf>>;
}

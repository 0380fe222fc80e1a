/** What a session may use and has used, as Purser measures it. What is not limited or not known is left out. */
export interface Resources {
  taskId: string;
  sessionId: string;
  epoch: number;
  level: 'healthy' | 'warning' | 'wrap' | 'stop';
  /** Whether it is to wrap up, and why. */
  wrap: boolean;
  reason: string | null;
  limits: Amounts;
  used: Amounts;
  /** Where the session will be asked to wrap up. */
  wrapAt: Amounts;
  /** At the present pace; null when nothing is limited. */
  secondsUntilWrap: number | null;
  /** The task's dollars over all its sessions; null when it has no budget of its own. */
  budget: { limitUsd: string; leftUsd: string } | null;
  deadline: string | null;
  /** From the wrap until the session is killed. */
  graceSeconds: number;
}

export interface Amounts {
  tokens?: number;
  requests?: number;
  seconds?: number;
  memoryMb?: number;
}

export interface Progress {
  done?: number;
  total?: number;
  note?: string;
}

export interface WrapAnswer {
  wrap: boolean;
  reason: string | null;
}

export type Begun =
  | { state: 'begun' }
  | { state: 'done'; result: unknown }
  | { state: 'unknown'; epoch: number; sessionId: string; begunAt: string };

/** Who began an effect and never said what came of it. */
export interface Unknown {
  key: string;
  epoch: number;
  sessionId: string;
  begunAt: string;
}

/** An effect was begun by a session that is over (or failed in this one), and nobody knows whether it was carried out. */
export class UnknownOutcome extends Error {
  readonly effect: Unknown;

  constructor(effect: Unknown) {
    super(
      `nobody knows whether "${effect.key}" was done: the session of epoch ${effect.epoch} began it at ${effect.begunAt} and kept no result`,
    );
    this.name = 'UnknownOutcome';
    this.effect = effect;
  }
}

/** Thrown from within an effect: nothing was done, and it may be tried again. */
export class NothingDone extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NothingDone';
  }
}

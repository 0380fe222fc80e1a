import type { FinishOutcome, Grade, Progress, SessionMeasures } from '@purser/contracts';

/** What was used up to a moment; tokens when the gateway's figures are known. */
export interface Used {
  seconds: number;
  tokens: number | undefined;
}

export interface GoneOnFrom {
  epoch: number;
  number: number;
  at: Date;
  digest: string;
}

/** Measures one session for the success figures: when it got on, what it saved, and how it ended. */
export class Measuring {
  grade: Grade | null = null;
  private resumed: SessionMeasures['resumed'] = null;
  private startDigest: string | undefined;
  /** What a session that goes on reports first may be where it was. */
  private firstReport: string | undefined;
  private gotOn: Used | undefined;
  private saved: Used = { seconds: 0, tokens: 0 };

  constructor(private readonly used: () => Used) {}

  /** `found`: the digest that the checkpoint's bytes have now. */
  wentOnFrom({ epoch, number, at, digest }: GoneOnFrom, found: string): void {
    this.resumed = { epoch, number, at: at.toISOString(), intact: found === digest };
    this.startDigest = digest;
  }

  checkpointed(digest: string): void {
    this.saved = this.used();
    if (digest !== this.startDigest) this.gotOn ??= this.saved;
  }

  progressed({ done, note }: Progress): void {
    const report = JSON.stringify([done, note]);
    const known = this.resumed === null || this.firstReport !== undefined;
    if (known && report !== this.firstReport) this.gotOn ??= this.used();
    this.firstReport ??= report;
  }

  /** At the end. What the next session has to do again is lost only where the program could not save it. */
  report(kind: FinishOutcome['kind'], killed: boolean): SessionMeasures {
    const used = this.used();
    const unsaved = kind !== 'completed' && (killed || kind === 'failed');
    const tokens = used.tokens;
    return {
      seconds: used.seconds,
      firstProgressSeconds: this.gotOn?.seconds ?? null,
      unsavedSeconds: unsaved ? Math.max(0, used.seconds - this.saved.seconds) : 0,
      ...(tokens === undefined
        ? {}
        : {
            tokens,
            unsavedTokens: unsaved ? Math.max(0, tokens - (this.saved.tokens ?? 0)) : 0,
            ...(this.gotOn ? { firstProgressTokens: Math.min(tokens, this.gotOn.tokens ?? 0) } : {}),
          }),
      killed,
      resumed: this.resumed,
      grade: this.grade,
    };
  }
}

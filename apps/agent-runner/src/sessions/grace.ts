/**
 * How long a session that was asked to wrap up may go on. A program in the middle of a long unit may have said so: then it
 * is until that unit is done, within a bound.
 */
export class Grace {
  private unitUntil = -Infinity;
  private standardUntil: number | undefined;
  private latest = Infinity;

  constructor(
    readonly standardMs: number,
    private readonly mostExtensionMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** A unit is under way that may take so long from now; 0 takes that back. @returns for how long that was granted */
  extend(ms: number): number {
    const granted = Math.max(0, Math.min(ms, this.mostExtensionMs, this.latest - this.now()));
    this.unitUntil = this.now() + granted;
    return granted;
  }

  /** The wrap-up begins. */
  begin(): void {
    if (this.standardUntil !== undefined) return;
    this.standardUntil = this.now() + this.standardMs;
    this.latest = Math.min(this.latest, this.standardUntil + this.mostExtensionMs);
  }

  /** From here on the standard time alone counts. @returns whether that shortens it */
  cut(): boolean {
    const latest = this.now() + this.standardMs;
    if (latest >= this.latest) return false;
    this.latest = latest;
    return true;
  }

  /** Until it is to be killed; all of the standard time while nobody has asked it to wrap up. */
  get leftMs(): number {
    if (this.standardUntil === undefined) return this.standardMs;
    return Math.max(0, Math.min(this.latest, Math.max(this.standardUntil, this.unitUntil)) - this.now());
  }
}

import { LATCH_MAX_AGE_MS, type Clock } from '@purser/service';

interface Moment {
  monotonic: number;
  wall: number;
}

/**
 * Whether a person may have released what this gateway has leased, as that of a lost one. The watchdog counts the releases
 * in its heartbeats. Who heard none for so long that paid calls had to stop may have been taken for lost, and must not
 * believe the first heartbeats that then come in, which may be old ones.
 */
export class ReleaseNotice {
  private announced = 0;
  private seen = 0;
  private heardAt: Moment;
  private missed = false;

  constructor(private readonly clock: Clock) {
    this.heardAt = this.moment();
  }

  /** In doubt nothing that is leased may be used before the leases were read again. */
  get inDoubt(): boolean {
    return this.missed || this.announced > this.seen || this.isLongAgo();
  }

  /** The number of the last release, as the watchdog says it. */
  hear(releases: number): void {
    if (this.isLongAgo()) this.missed = true;
    this.announced = Math.max(this.announced, releases);
    this.heardAt = this.moment();
  }

  /** For `read`: now, by both clocks. */
  moment(): Moment {
    return { monotonic: this.clock.monotonic(), wall: this.clock.now().getTime() };
  }

  /** The leases were read, with every release up to this one in them. An answer that was long in coming tells nothing. */
  read(releases: number, askedAt: Moment): void {
    this.missed = this.isLongAgo(askedAt);
    this.seen = Math.max(this.seen, releases);
    this.heardAt = this.moment();
  }

  /** By either clock: one stands still while the machine sleeps, the other may be set. */
  private isLongAgo({ monotonic, wall } = this.heardAt): boolean {
    const now = this.moment();
    return Math.abs(now.monotonic - monotonic) > LATCH_MAX_AGE_MS || Math.abs(now.wall - wall) > LATCH_MAX_AGE_MS;
  }
}

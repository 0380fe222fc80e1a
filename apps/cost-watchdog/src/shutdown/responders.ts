import { Injectable } from '@nestjs/common';
import type { Acknowledgement, Heartbeat, ServiceInstance } from '@purser/contracts';
import { Clock, HEARTBEAT_MS } from '@purser/service';

/** Three missed beats and a margin for a slow bus. */
const SILENCE_MS = 3 * HEARTBEAT_MS + 1_500;

/** Who is alive and has to acknowledge an emergency: everybody but the watchdogs, who wait for the others. */
@Injectable()
export class Responders {
  private readonly heard = new Map<string, { one: ServiceInstance; at: number }>();

  constructor(private readonly clock: Clock) {}

  hear({ service, instance }: Heartbeat): void {
    if (service === 'cost-watchdog') return;
    this.heard.set(`${service} ${instance}`, { one: { service, instance }, at: this.clock.monotonic() });
  }

  alive(): ServiceInstance[] {
    const now = this.clock.monotonic();
    for (const [key, { at }] of this.heard) if (now - at > SILENCE_MS) this.heard.delete(key);
    return [...this.heard.values()]
      .map(({ one }) => one)
      .sort((a, b) => a.service.localeCompare(b.service) || a.instance.localeCompare(b.instance));
  }
}

export const silent = (
  expected: readonly ServiceInstance[],
  acknowledgements: readonly Pick<Acknowledgement, 'service' | 'instance'>[],
): ServiceInstance[] =>
  expected.filter(
    ({ service, instance }) => !acknowledgements.some((one) => one.service === service && one.instance === instance),
  );

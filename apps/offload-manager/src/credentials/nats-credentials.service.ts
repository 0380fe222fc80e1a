import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { inspectServer } from '@purser/bus';
import { isSessionComponent, PurserError } from '@purser/contracts';
import { Clock, CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { MOVABLES, type Movables } from '../moving/movables.js';
import type { VmCredentials } from '../vms/vm-credentials.js';
import { CredentialsRepository } from './credentials.repository.js';
import { GuestsFile, newPassword } from './guests-file.js';
import { publicNatsUrl } from './public-nats-url.js';
import { userName, type VmUser } from './vm-user.js';

const RELOADED_WITHIN_MS = 15_000;
const LOOK_AGAIN_MS = 250;
const CONNECT_MS = 2_000;

/** A user of the bus for each VM, which can do nothing but speak for its component, and dies with it. */
@Injectable()
export class NatsCredentials implements VmCredentials {
  constructor(
    private readonly repository: CredentialsRepository,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(MOVABLES) private readonly components: Movables,
  ) {}

  async check(): Promise<void> {
    publicNatsUrl(this.config);
    await this.file().checkWritable();
  }

  /** Resolves when the bus lets it in. The same for a VM that has one already. */
  async issue(vmId: string, component: string, expiresAt: Date): Promise<Record<string, string>> {
    const publicUrl = publicNatsUrl(this.config);
    const file = this.file();
    const served = isSessionComponent(component) ? {} : this.served(component);
    const user = await this.repository.alone(async (tx) => {
      const added = await this.repository.add(tx, { vmId, component, password: newPassword() }, expiresAt);
      await file.write(await this.repository.all(tx, this.clock.now()));
      return added;
    });
    await this.untilLetIn(user);
    const url = new URL(publicUrl);
    return {
      PURSER_VM_ID: vmId,
      PURSER_VM_COMPONENT: component,
      PURSER_NATS_URL: `${url.protocol}//${userName(vmId)}:${user.password}@${url.host}`,
      ...served,
      PURSER_VM_EXPIRES: String(Math.floor(expiresAt.getTime() / 1_000)),
      PURSER_VM_SILENCE_SECONDS: String(this.config.PURSER_VM_SILENCE_SECONDS),
      PURSER_VM_HEARTBEAT_MS: String(this.config.PURSER_VM_HEARTBEAT_MS),
    };
  }

  private served(component: string): Record<string, string> {
    const place = this.components.get(component);
    if (place?.port === undefined)
      throw new PurserError('not_found', { message: `there is no component "${component}" with a port` });
    return { PURSER_VM_COMPONENT_URL: `http://127.0.0.1:${place.port}`, PURSER_VM_HEALTH_PATH: place.healthPath };
  }

  /** The server ends its connection when it has read the file. */
  async revoke(vmId: string): Promise<void> {
    await this.repository.alone(async (tx) => {
      await this.repository.remove(tx, vmId);
      const { PURSER_VM_NATS_USERS_FILE: path } = this.config;
      const left = await this.repository.all(tx, this.clock.now());
      // Also where the file has become smaller than what it held: it must not keep the one that goes.
      if (path !== undefined) await new GuestsFile(path).write(left, { whatFits: true });
    });
  }

  private async untilLetIn({ vmId, password }: VmUser): Promise<void> {
    const [first = ''] = this.config.PURSER_NATS_URL.split(',');
    const url = new URL(first);
    url.username = userName(vmId);
    url.password = password;
    const giveUpAt = performance.now() + RELOADED_WITHIN_MS;
    for (;;) {
      try {
        await inspectServer(url.href, CONNECT_MS);
        return;
      } catch (cause) {
        if (performance.now() > giveUpAt)
          throw new PurserError('unavailable', {
            message:
              'the bus does not let in the user of a new VM: its server does not follow PURSER_VM_NATS_USERS_FILE. ' +
              'See docs/guides/compute.md.',
            cause,
          });
        await pause(LOOK_AGAIN_MS);
      }
    }
  }

  private file(): GuestsFile {
    const { PURSER_VM_NATS_USERS_FILE: path } = this.config;
    if (path !== undefined) return new GuestsFile(path);
    throw new PurserError('unavailable', {
      message:
        'VMs cannot become users of the bus: set PURSER_VM_NATS_USERS_FILE to a file that its server includes and follows. ' +
        'See docs/guides/compute.md.',
    });
  }
}

import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Log } from '@purser/service';
import { KeysRepository } from './keys.repository.js';

const EVERY_MS = 60 * 60 * 1000;

/** Removes keys of sessions that ended long ago, once an hour. */
@Injectable()
export class KeysSweep implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly repository: KeysRepository,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.repository
        .removeOldSessionKeys()
        .catch((error: unknown) => this.log.debug({ error }, 'old session keys wait to be removed'));
    }, EVERY_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }
}

import { setImmediate as giveWay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { Profile } from '@purser/contracts';
import { Clock, CONFIG } from '@purser/service';
import type { ScannedModule } from '../components/module.js';
import type { Config } from '../config.js';
import { stampOf } from './module-files.js';
import { type ProfileRow, ProfilesRepository } from './profiles.repository.js';

/** To be raised with every change of how profiles are made: those of before are made anew. */
const VERSION = 1;
/** Modules whose files are looked at before others have their turn: some milliseconds. */
const AT_ONCE = 100;
const DAY_MS = 86_400_000;

/** Profiles of before, which hold as long as what they were made from is as it was. */
@Injectable()
export class ProfileCache {
  private readonly tool: string;

  constructor(
    private readonly rows: ProfilesRepository,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.tool = `${VERSION}, imports ${config.PURSER_PROFILE_IMPORTS}`;
  }

  /** Those whose files are untouched, by name: one query, and a look at sizes and times; no file is opened. */
  async find(modules: readonly { name: string; module: ScannedModule }[]): Promise<Map<string, Profile>> {
    const found = new Map<string, Profile>();
    if (modules.length === 0) return found;
    const names = new Map(modules.map(({ name, module }) => [module.path, name]));
    const rows = await this.rows.of([...names.keys()], this.tool, this.since());
    for (const [index, { subject, watched, stamp, profile }] of rows.entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await giveWay();
      if (stampOf(watched) === stamp) found.set(names.get(subject) ?? '', profile);
    }
    return found;
  }

  /** The profile of the same content with other times. */
  async sameContent(path: string, content: string, watched: readonly string[]): Promise<Profile | undefined> {
    const rows = await this.rows.of([path], this.tool, this.since());
    const row = rows.find((one) => one.content === content);
    const stamp = row && stampOf(watched);
    if (stamp !== undefined) await this.rows.touch(path, content, watched, stamp);
    return row?.profile;
  }

  save(row: ProfileRow): Promise<void> {
    return this.rows.save(row, this.tool);
  }

  /** Also those of folders that are no longer looked at. */
  forget(): Promise<void> {
    return this.rows.forget(this.since());
  }

  private since(): Date {
    return new Date(this.clock.now().getTime() - this.config.COMPONENT_CACHE_MAX_AGE_DAYS * DAY_MS);
  }
}

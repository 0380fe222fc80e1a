import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ServiceName } from '@purser/contracts';
import type { Home } from '../home.js';
import { SERVICE_NAMES } from './permissions.js';
import { writePrivate } from './secrets.js';

/** Who checks the admin key. */
const KEY_READERS: readonly ServiceName[] = ['orchestrator', 'model-gateway'];
/** Where people run `purser key --nats`. */
const TOOLS_URL_READERS: readonly ServiceName[] = ['orchestrator'];

type Kind = 'nats' | 'database';

/** The data folders of the services: one for all of them on one machine, or one each where they run apart. */
export class ServiceHomes {
  private readonly apart: string | undefined;

  constructor(
    private readonly home: Home,
    /** The folder that holds a home for each service, under its name; undefined when they share Purser's own. */
    folder: string | undefined,
    cwd: string,
  ) {
    this.apart = folder === undefined ? undefined : resolve(cwd, folder);
  }

  rootOf(service: ServiceName): string {
    return this.apart === undefined ? this.home.root : join(this.apart, service);
  }

  urlFile(service: ServiceName, kind: Kind): string {
    return join(this.rootOf(service), 'secrets', `${service}.${kind}.url`);
  }

  /** @returns the file that was written */
  async writeUrl(service: ServiceName, kind: Kind, url: string): Promise<string> {
    const file = this.urlFile(service, kind);
    await mkdir(join(this.rootOf(service), 'secrets'), { recursive: true, mode: 0o700 });
    await writePrivate(file, `${url}\n`);
    return file;
  }

  /** Gives those who need it a copy of the admin key and of the URL for tools. @returns the files that were written */
  async writeKeys(adminKey: string, toolsUrl: string): Promise<string[]> {
    if (this.apart === undefined) return [];
    const written: string[] = [];
    for (const service of SERVICE_NAMES) {
      for (const [name, text, readers] of [
        ['admin.key', adminKey, KEY_READERS],
        ['nats.url', toolsUrl, TOOLS_URL_READERS],
      ] as const) {
        const file = join(this.rootOf(service), name);
        if (!readers.includes(service)) await rm(file, { force: true });
        else {
          await writePrivate(file, `${text}\n`);
          written.push(file);
        }
      }
    }
    return written;
  }

  /** Removes from each home the secrets that are not its service's own: earlier versions left such. */
  async removeForeign(): Promise<void> {
    if (this.apart === undefined) return;
    for (const service of SERVICE_NAMES) {
      const folder = join(this.rootOf(service), 'secrets');
      const own = new Set([this.urlFile(service, 'nats'), this.urlFile(service, 'database')]);
      for (const name of await readdir(folder)) {
        const file = join(folder, name);
        if (!own.has(file)) await rm(file, { recursive: true });
      }
    }
  }
}

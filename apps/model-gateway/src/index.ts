import multipart from '@fastify/multipart';
import { SERVICE_SCHEMAS } from '@purser/database';
import {
  type Environment,
  Log,
  parseConfig,
  type RunningService,
  startService,
  withSecretFiles,
} from '@purser/service';
import { appModule, type Groundwork } from './app.module.js';
import { MAX_BODY_BYTES } from './bodies/most-bytes.js';
import { Config } from './config.js';
import { type Slot, takeSlot } from './journal/slot.js';
import { UPLOAD_LIMITS } from './media/upload.js';
import { MIGRATIONS } from './migrations/index.js';
import { DirectChats } from './endpoints/direct-chats.js';
import { renderError } from './endpoints/render-error.js';
import { readLadders } from './models/read-ladders.js';
import { readPriceTable } from './prices/read-price-table.js';

export { Config } from './config.js';
export { ModelsFile } from './models/models-file.js';
export { idleTiers } from './models/idle-tiers.js';
export { readLadders } from './models/read-ladders.js';
export { readPriceTable } from './prices/read-price-table.js';

/** Starts a model-gateway with the given environment. Several may share a home; each takes a place of its own in it. */
export async function start(given: Environment): Promise<RunningService> {
  const env = withSecretFiles(given);
  const { PURSER_HOME: home, PURSER_CONFIG_DIR: configDir } = parseConfig(Config, env);
  const prices = await readPriceTable(configDir);
  const ladders = await readLadders(configDir, prices);
  const slot = takeSlot(home);
  try {
    return await startIn(slot, { env, ladders, prices });
  } catch (error) {
    slot.release();
    throw error;
  }
}

async function startIn(slot: Slot, { env, ladders, prices }: Omit<Groundwork, 'journal'>): Promise<RunningService> {
  const { journal } = slot;
  const running = await startService(
    {
      name: 'model-gateway',
      config: Config,
      port: (config) => config.PURSER_GATEWAY_PORT,
      module: appModule({ env, journal, ladders, prices }),
      database: { schema: SERVICE_SCHEMAS['model-gateway'], migrations: MIGRATIONS, hearsChanges: true },
      renderErrors: renderError,
      bodyLimit: MAX_BODY_BYTES,
      // Endpoints read their bodies themselves: errors look as their protocols want, and long texts are never parsed.
      prepare: async (app) => {
        app.useBodyParser('application/json', {}, (_request, body, done) => done(null, body));
        await app.register(multipart, { limits: UPLOAD_LIMITS });
        app.get(DirectChats).standBefore(app.getHttpServer());
      },
    },
    // Leases belong to the journal that accounts for them, so the instance on the bus is the journal's.
    { ...env, PURSER_INSTANCE: journal.gateway },
  );
  tellWhatWasLost(running.app.get(Log), slot);
  return {
    ...running,
    close: async () => {
      await running.close();
      slot.release();
    },
  };
}

function tellWhatWasLost(log: Log, { journal: { gateway, abandoned }, damage }: Slot): void {
  if (damage) log.error({ error: damage, gateway }, 'a damaged journal was set aside; its leases stay reserved');
  if (abandoned !== undefined)
    log.warn(
      { gateway, abandoned },
      'the machine went down under this gateway, so calls may be missing in its journal; it goes on under a new name, and the leases of the old one stay reserved',
    );
}

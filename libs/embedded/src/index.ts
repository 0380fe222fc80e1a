export { EmbeddedError, type EmbeddedErrorCode, type FailedStep } from './embedded-error.js';
export { natsConfigText, type NatsAuthorization, type NatsUser } from './nats-config.js';
export {
  clearStaleNats,
  ensureGuests,
  findStaleNats,
  startNatsServer,
  type RunningNats,
  type StartNatsOptions,
} from './nats-server.js';
export { makeFolders } from './make-folders.js';
export { freePort } from './port.js';
export { endProcess, findProcess, listProcesses, type EndStep, type ProcessEntry } from './process-table.js';
export type { ServerExit } from './server-process.js';
export { findNatsServer, type FindNatsOptions, type FoundNats } from './nats-binary.js';
export { NATS_RELEASE, type NatsRelease } from './nats-release.js';
export { OLDEST_NATS } from './nats-version.js';
export { findAccount, isRoot, makePassable, reachableBy, type Account } from './account.js';
export { findPostgres, type PostgresBinaries } from './postgres-binaries.js';
export { startPostgres, type RunningPostgres, type StartPostgresOptions } from './postgres-server.js';
export { clearStalePostgres, findStalePostgres } from './stale-postgres.js';

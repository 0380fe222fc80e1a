export { EmbeddedError, type EmbeddedErrorCode, type FailedStep } from './embedded-error.js';
export type { NatsAuthorization, NatsUser } from './nats-config.js';
export { clearStaleNats, startNatsServer, type RunningNats, type StartNatsOptions } from './nats-server.js';
export { freePort } from './port.js';
export { endProcess, findProcess, listProcesses, type EndStep, type ProcessEntry } from './process-table.js';
export type { ServerExit } from './server-process.js';
export { findNatsServer, type FindNatsOptions, type FoundNats } from './nats-binary.js';
export { NATS_RELEASE, type NatsRelease } from './nats-release.js';
export { OLDEST_NATS } from './nats-version.js';

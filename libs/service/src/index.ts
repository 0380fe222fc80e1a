export { Clock, systemClock } from './clock.js';
export {
  CONFIG,
  type Environment,
  milliseconds,
  parseConfig,
  port,
  serviceSettings,
  type ServiceSettings,
  wholeBetween,
  withSecretFiles,
} from './config.js';
export { ErrorFilter, type ErrorRenderer, type FailedRequest, plainErrors } from './error-filter.js';
export { Metrics, Readiness } from './health.js';
export { HEARTBEAT_MS, HeartbeatPublisher, VERSION } from './heartbeat.js';
export { hideSecret, withoutSecrets } from './hidden-secrets.js';
export { keyHash, keyPrefix, newKeySecret, newSalt } from './key-secrets.js';
export { Latch, LATCH_MAX_AGE_MS } from './latch.js';
export { EmergencyStop } from './latch.handlers.js';
export { createLog, Log, type LogSink, logTo } from './log.js';
export { runUntilSignal } from './main.js';
export { Outbox } from './outbox-relay.js';
export { Repeating } from './repeating.js';
export { adminKeyFile, readOrCreateSecret, readSecret } from './secrets.js';
export { type RunningService, type ServiceDefinition, startService } from './service.js';
export { SESSION_INSTANCE_LENGTH, sessionName } from './session-name.js';
export { openSqlite } from './sqlite.js';
export { Ticker, untilTick } from './ticker.js';

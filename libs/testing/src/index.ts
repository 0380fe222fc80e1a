export * from './books/index.js';
export { childrenLeft, expectNoChildren } from './children-left.js';
export { cloneIsOpen } from './clone-is-open.js';
export { cleanEnvironment } from './clean-environment.js';
export {
  type BilledRow,
  type CostExplorer,
  type CostExplorerFault,
  type CostExplorerRequest,
  startCostExplorer,
} from './cost-explorer.js';
export { eventually, type EventuallyOptions } from './eventually.js';
export * from './compute-engine/index.js';
export { type Launched, type LaunchOptions, launchPurser } from './launch-purser.js';
export { GitRemote, type GitRemoteOptions } from './git-remote.js';
export { type FakePull, GithubPulls } from './github-pulls.js';
export * from './model-server/index.js';
export { createTestDatabase, type DatabaseTemplate, type TestDatabase } from './test-database.js';
export { startTestNats, type TestNats, type TestNatsOptions } from './test-nats.js';
export { startOwnPostgres, type OwnPostgres } from './test-postgres.js';

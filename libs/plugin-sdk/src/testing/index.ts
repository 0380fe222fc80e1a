export type { ConformanceCheck } from './check.js';
export { computeChecks } from './compute-checks.js';
export type { ComputePlatform, ComputeSubject, OpenedCompute } from './compute-subject.js';
export { costSourceChecks } from './cost-source-checks.js';
export type { Books, BooksRow, CostSourceSubject, OpenedSource } from './cost-source-subject.js';
export { executorChecks, type ExecutorSubject } from './executor-checks.js';
export { embeddingChecks, imageChecks, transcriptionChecks } from './media-checks.js';
export { notifierChecks, type NotifierSubject } from './notifier-checks.js';
export { modelProviderChecks } from './model-provider-checks.js';
export type {
  MediaSubject,
  ModelProviderSubject,
  ModelUpstream,
  OpenedProvider,
  UpstreamBehaviour,
  UpstreamCall,
} from './model-provider-subject.js';

import type { TaskSpec } from '@purser/contracts';

/** One and the same for tasks that are alike: what they did before says what the next one takes. */
export const kindOf = ({
  executor,
  labels,
  project,
}: Pick<TaskSpec, 'executor' | 'labels'> & { project?: string | null | undefined }): string =>
  JSON.stringify([executor, [...new Set(labels)].sort(), project ?? null]);

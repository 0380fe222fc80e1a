import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { RetentionPolicy, JetStreamApiCodes, JetStreamApiError, StorageType } from '@nats-io/jetstream';
import { STREAMS, type StreamName } from '@purser/contracts';

const NANOS_PER_MS = 1_000_000;

/** Creates what is missing and brings what is there up to date. Any service may do it, at any time. */
export async function ensureStreams(manager: JetStreamManager, replicas: number): Promise<void> {
  for (const name of Object.keys(STREAMS) as StreamName[]) {
    const shape = STREAMS[name];
    const wanted = {
      name,
      description: shape.meaning,
      subjects: shape.subjects,
      retention: shape.retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
      storage: StorageType.File,
      max_age: shape.maxAgeMs * NANOS_PER_MS,
      max_bytes: shape.maxBytes,
      duplicate_window: shape.duplicateWindowMs * NANOS_PER_MS,
      num_replicas: replicas,
      no_ack: !shape.acknowledged,
      // What was published goes by age and size alone. The server never takes these two back.
      deny_purge: true,
      deny_delete: true,
    } satisfies Partial<StreamConfig>;
    try {
      const { config } = await manager.streams.info(name);
      const same =
        config.max_age === wanted.max_age &&
        config.max_bytes === wanted.max_bytes &&
        config.num_replicas === replicas &&
        (config.no_ack ?? false) === wanted.no_ack &&
        config.deny_purge === true &&
        config.deny_delete === true &&
        JSON.stringify(config.subjects) === JSON.stringify(wanted.subjects);
      if (!same) await manager.streams.update(name, wanted);
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)) throw error;
      // Two services may get here at once: creating a stream that exists with the same shape is no error for the server.
      await manager.streams.add(wanted);
    }
  }
}

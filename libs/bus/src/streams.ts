import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream';
import { DiscardPolicy, JetStreamApiCodes, JetStreamApiError, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { BUCKETS, STREAMS, type StreamName } from '@purser/contracts';

const NANOS_PER_MS = 1_000_000;
const BUCKET_DUPLICATE_WINDOW_MS = 120_000;

type Wanted = Partial<StreamConfig> & { name: string };

/** What was published goes by age and size alone. The server never takes these two back. */
const KEPT = { deny_purge: true, deny_delete: true };

function streamConfig(name: StreamName): Wanted {
  const shape = STREAMS[name];
  return {
    name,
    description: shape.meaning,
    subjects: shape.subjects,
    retention: shape.retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
    storage: StorageType.File,
    max_age: shape.maxAgeMs * NANOS_PER_MS,
    max_bytes: shape.maxBytes,
    duplicate_window: shape.duplicateWindowMs * NANOS_PER_MS,
    no_ack: !shape.acknowledged,
    ...KEPT,
  };
}

/** A stream in the shape of a key-value bucket, but for roll-ups: those need the right to purge. */
const bucketConfig = (bucket: string): Wanted => ({
  name: `KV_${bucket}`,
  subjects: [`$KV.${bucket}.>`],
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  max_msgs_per_subject: 1,
  discard: DiscardPolicy.New,
  duplicate_window: BUCKET_DUPLICATE_WINDOW_MS * NANOS_PER_MS,
  allow_rollup_hdrs: false,
  ...KEPT,
});

const WANTED: readonly Wanted[] = [
  ...(Object.keys(STREAMS) as StreamName[]).map(streamConfig),
  ...Object.values(BUCKETS).map(bucketConfig),
];

/** Creates what is missing and brings what is there up to date, at any time. */
export async function ensureStreams(manager: JetStreamManager, replicas: number): Promise<void> {
  for (const shape of WANTED) {
    const wanted = { ...shape, num_replicas: replicas };
    const config = await configOf(manager, wanted.name);
    if (config === undefined) {
      // Two watchdogs may get here at once: creating a stream that exists with the same shape is no error for the server.
      await manager.streams.add(wanted);
    } else if (!sameIn(config, wanted)) await manager.streams.update(wanted.name, wanted);
  }
}

/** Whether all are there, in whatever shape. */
export async function haveStreams(manager: JetStreamManager): Promise<boolean> {
  const configs = await Promise.all(WANTED.map(({ name }) => configOf(manager, name)));
  return configs.every((config) => config !== undefined);
}

async function configOf(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return undefined;
    throw error;
  }
}

/** An older server leaves out what is false. */
const sameIn = (config: StreamConfig, wanted: Wanted): boolean =>
  Object.entries(wanted).every(
    ([key, value]) => JSON.stringify(config[key as keyof StreamConfig] ?? false) === JSON.stringify(value ?? false),
  );

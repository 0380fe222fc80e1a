import type { ServiceName, StreamName } from './contract.js';

const day = 24 * 60 * 60 * 1000;

interface StreamShape {
  subjects: string[];
  retention: 'workqueue' | 'limits';
  maxAgeMs: number;
  maxBytes: number;
  /** How long a repeated Nats-Msg-Id is recognised. */
  duplicateWindowMs: number;
  /** Whether the server tells publishers that it has stored their message, on the reply subject that they name. */
  acknowledged: boolean;
  meaning: string;
}

export const STREAMS: Record<StreamName, StreamShape> = {
  TASKS: {
    subjects: ['tasks.submit'],
    retention: 'workqueue',
    maxAgeMs: 0,
    maxBytes: -1,
    duplicateWindowMs: 120_000,
    // Everybody may publish here, and the server would answer with its own rights on any subject: purge a stream, say.
    acknowledged: false,
    meaning: 'Submitted tasks until the orchestrator has stored them.',
  },
  SPEND: {
    subjects: ['spend.>'],
    retention: 'limits',
    maxAgeMs: 7 * day,
    maxBytes: 2 ** 30,
    duplicateWindowMs: 120_000,
    acknowledged: true,
    meaning: 'Settled attempts; the ledger takes them from here.',
  },
  FACTS: {
    subjects: [
      'task.>',
      'budget.>',
      'alert.>',
      'emergency.shutdown',
      'emergency.cleared',
      'emergency.acknowledged.>',
      'component.>',
      'vm.>',
    ],
    retention: 'limits',
    maxAgeMs: 7 * day,
    maxBytes: 2 ** 30,
    duplicateWindowMs: 120_000,
    acknowledged: true,
    meaning: 'What happened, for a week.',
  },
  DEAD: {
    subjects: ['dead.letter.>'],
    retention: 'limits',
    maxAgeMs: 30 * day,
    maxBytes: 2 ** 28,
    duplicateWindowMs: 120_000,
    acknowledged: true,
    meaning: 'Messages that no handler could take, with the reason.',
  },
};

export const BUCKETS = {
  /** Key `latch`: the emergency latch. */
  emergency: 'emergency',
  /** Key: a component. Where it is served from. */
  endpoints: 'endpoints',
} as const;

/** The one service that makes and changes streams and buckets; the others wait for them. */
export const STREAM_KEEPER: ServiceName = 'cost-watchdog';

/**
 * Agents run beside this one and may read its password. JetStream sends the answers of its API, with the server's own
 * rights, wherever whoever asks wants them, so this one may not ask.
 */
const BESIDE_AGENTS: ServiceName = 'agent-runner';

/** Whether a service may look at streams and read buckets. */
export const readsStreams = (service: string): boolean => service !== BESIDE_AGENTS;

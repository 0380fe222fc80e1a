import { readdirSync, readFileSync } from 'node:fs';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Client } from 'pg';

/** What was written of a task's sessions, and which epoch the task was in at that moment. */
export interface Written {
  place: 'checkpoints' | 'handoffs' | 'logs';
  taskId: string;
  epoch: number;
  fence: number | null;
  digest: string | null;
}

const AUDIT = `
  CREATE TABLE public.witnessed (
    seq bigint GENERATED ALWAYS AS IDENTITY, place text, task_id text, epoch integer, fence integer, digest text
  );
  CREATE FUNCTION public.witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN
    INSERT INTO public.witnessed (place, task_id, epoch, fence, digest) VALUES (
      TG_TABLE_NAME, NEW.task_id, NEW.epoch,
      (SELECT epoch FROM sessions.fences WHERE task_id = NEW.task_id),
      CASE WHEN TG_TABLE_NAME = 'checkpoints' THEN to_json(NEW)->>'digest' END);
    RETURN NULL;
  END $$;
  CREATE TRIGGER witness AFTER INSERT OR UPDATE ON sessions.checkpoints FOR EACH ROW EXECUTE FUNCTION public.witness();
  CREATE TRIGGER witness AFTER INSERT OR UPDATE ON sessions.handoffs FOR EACH ROW EXECUTE FUNCTION public.witness();
  CREATE TRIGGER witness AFTER INSERT OR UPDATE ON sessions.logs FOR EACH ROW EXECUTE FUNCTION public.witness();
`;

/** Sees what happens from outside: triggers in the database that Purser knows nothing of, the stream of facts, /proc. */
export class Witness {
  private constructor(
    private readonly databaseUrl: string,
    private readonly nats: NatsConnection,
  ) {}

  static async of(databaseUrl: string, natsUrl: string): Promise<Witness> {
    const witness = new Witness(databaseUrl, await connect({ servers: natsUrl, maxReconnectAttempts: -1 }));
    await witness.query(AUDIT);
    return witness;
  }

  async query<Row>(sql: string): Promise<Row[]> {
    const client = new Client({ connectionString: this.databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query(sql);
      return rows as Row[];
    } finally {
      await client.end();
    }
  }

  written(): Promise<Written[]> {
    return this.query('SELECT place, task_id AS "taskId", epoch, fence, digest FROM public.witnessed ORDER BY seq');
  }

  /** Subjects of all facts about tasks, as the stream has them. */
  async facts(): Promise<string[]> {
    const stream = await (await jetstreamManager(this.nats)).streams.info('FACTS');
    if (stream.state.messages === 0) return [];
    const consumer = await jetstream(this.nats).consumers.get('FACTS');
    const subjects: string[] = [];
    for (;;) {
      const batch = await consumer.fetch({ max_messages: 1_000, expires: 1_000 });
      let count = 0;
      for await (const message of batch) {
        if (message.subject.startsWith('task.')) subjects.push(message.subject);
        count += 1;
      }
      if (count === 0) return subjects;
    }
  }

  /** As a program that knows nothing of Purser, and gets no answer. */
  async submit(task: object): Promise<void> {
    this.nats.publish('tasks.submit', JSON.stringify(task));
    await this.nats.flush();
  }

  async close(): Promise<void> {
    await this.nats.close();
  }
}

/** Processes on this machine that carry the mark of one of these tasks. */
export function processesOf(taskIds: ReadonlySet<string>): { pid: number; taskId: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const taskId = /(?:^|\0)PURSER_TASK_ID=([^\0]*)/.exec(readFileSync(`/proc/${name}/environ`, 'utf8'))?.[1];
      return taskId !== undefined && taskIds.has(taskId) ? [{ pid: Number(name), taskId }] : [];
    } catch {
      return []; // It ended meanwhile.
    }
  });
}

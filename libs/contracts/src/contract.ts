import type { z } from 'zod';

/** Name of a Purser service; also its queue group on the bus and its Postgres role in the table of owners. */
export type ServiceName = 'orchestrator' | 'agent-runner' | 'model-gateway' | 'cost-watchdog' | 'offload-manager';

export interface HttpRoute {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Fastify style: `/v1/tasks/:id`. Path, query and body are merged into the request. */
  path: string;
  /** Status of a successful answer; 200 unless said. */
  status?: number;
  /** The list in the reply that a client may have as CSV, with `Accept: text/csv`. */
  csv?: string;
  /** The field of the request that may also be the whole body: a JSON array, or a line of JSON for each. */
  list?: string;
  /** The field of the request that says within how many ms it is answered, where that may take long. */
  within?: string;
}

/** A request with one reply, served by one instance of its owner. */
export interface Operation<Request extends z.ZodType = z.ZodType, Reply extends z.ZodType = z.ZodType> {
  kind: 'operation';
  name: string;
  owner: ServiceName;
  summary: string;
  request: Request;
  reply: Reply;
  http?: HttpRoute;
  /**
   * The field of the request that ends its subject, as a token of its own: who may publish there may speak for that one
   * alone. What the message itself says there does not count.
   */
  speaker?: string;
}

/** A durable one-way message, kept by JetStream until its owner has taken it. A plain `nats pub` is enough to send one. */
export interface Command<Payload extends z.ZodType = z.ZodType> {
  kind: 'command';
  name: string;
  owner: ServiceName;
  summary: string;
  stream: StreamName;
  payload: Payload;
  /** A message may also hold several, as an array or as JSON lines. */
  several?: boolean;
}

/** Something that happened, published on `<name>.<id>` (a broadcast has no id). Durable ones are kept in a stream. */
export interface Fact<Data extends z.ZodType = z.ZodType> {
  kind: 'fact';
  name: string;
  summary: string;
  /** Who publishes it. */
  by: ServiceName | 'every service';
  /** What the subject's last tokens are, in words: `taskId`, `service.instance`; absent when the subject is the bare name. */
  id?: string;
  /** The stream that keeps it; absent when a lost one does not matter. */
  stream?: StreamName;
  data: Data;
  /** What counts of a message that came under this id: who may publish there may speak of that alone, whatever it says itself. */
  heardAs?(data: z.output<Data>, id: string): z.output<Data>;
}

export type StreamName = 'TASKS' | 'SPEND' | 'FACTS' | 'DEAD';
export type Contract = Operation | Command | Fact;

export type RequestOf<O extends Operation> = z.output<O['request']>;
/** What a caller may pass: fields with a default may be left out. */
export type RequestInput<O extends Operation> = z.input<O['request']>;
export type ReplyOf<O extends Operation> = z.output<O['reply']>;
export type PayloadOf<C extends Command> = z.output<C['payload']>;
export type FactData<F extends Fact> = z.output<F['data']>;

/** On what such a request is sent. */
export const subjectOf = ({ name, speaker }: Operation, request: object): string =>
  speaker === undefined ? name : `${name}.${String((request as Record<string, unknown>)[speaker])}`;

/** On what all of them come. */
export const servedOn = ({ name, speaker }: Operation): string => (speaker === undefined ? name : `${name}.*`);

type Named<T, Kind extends string> = Omit<T, 'kind' | 'name'> & { kind?: Kind };

export function operation<Request extends z.ZodType, Reply extends z.ZodType>(
  name: string,
  spec: Named<Operation<Request, Reply>, 'operation'>,
): Operation<Request, Reply> {
  return { ...spec, kind: 'operation', name };
}

export function command<Payload extends z.ZodType>(
  name: string,
  spec: Named<Command<Payload>, 'command'>,
): Command<Payload> {
  return { ...spec, kind: 'command', name };
}

export function fact<Data extends z.ZodType>(name: string, spec: Named<Fact<Data>, 'fact'>): Fact<Data> {
  return { ...spec, kind: 'fact', name };
}

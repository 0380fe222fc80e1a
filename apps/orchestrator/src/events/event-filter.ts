import { Id, invalidRequest, STREAMS } from '@purser/contracts';
import { z } from 'zod';

const PATTERN = /^[A-Za-z0-9_-]+(\.([A-Za-z0-9_-]+|\*))*(\.>)?$/;
const KINDS = new Set(STREAMS.FACTS.subjects.map((subject) => subject.split('.')[0]));
const MAX_PATTERNS = 20;

const pattern = z
  .string()
  .max(200)
  .regex(PATTERN, 'a subject such as task.completed.nightly, task.*.nightly or task.>')
  .refine((text) => KINDS.has(text.split('.')[0] ?? ''), {
    error: `begins with one of ${[...KINDS].join(', ')}: there are no other events`,
  });

const place = z.coerce.number({ error: 'the id of an event' }).int('the id of an event').min(0, 'the id of an event');

/** What a client may ask for, from the query and from `Last-Event-ID`. */
const EventsQuery = z.strictObject({
  /** Separated by commas; all events when absent. */
  subjects: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(pattern).min(1).max(MAX_PATTERNS))
    .optional(),
  task: Id.optional(),
  /** The place after which to go on; 0 is all that is kept. */
  after: place.optional(),
});

export interface EventRequest {
  filter: EventFilter;
  after: number | undefined;
}

/** `Last-Event-ID` counts more than `after`: a browser that reconnects repeats the address as it was. */
export function eventRequest(query: object, lastEventId: string | undefined): EventRequest {
  const given = { ...query, ...(lastEventId === undefined || lastEventId === '' ? {} : { after: lastEventId }) };
  const parsed = EventsQuery.safeParse(given);
  if (!parsed.success) throw invalidRequest('/v1/events', parsed.error);
  const { subjects, task, after } = parsed.data;
  return { filter: new EventFilter(subjects, task), after };
}

/** Which events a client wants. */
export class EventFilter {
  private readonly patterns: string[][] | undefined;
  private readonly ofTask: string[] | undefined;

  constructor(subjects?: readonly string[], task?: string) {
    this.patterns = subjects?.map((subject) => subject.split('.'));
    this.ofTask = task === undefined ? undefined : ['task', '*', task];
  }

  /** The one subject that says it all, when there is one: the server then leaves out the others by itself. */
  get single(): string | undefined {
    if (this.ofTask) return this.patterns ? undefined : this.ofTask.join('.');
    return this.patterns?.length === 1 ? this.patterns[0]?.join('.') : undefined;
  }

  wants(subject: string): boolean {
    const tokens = subject.split('.');
    if (this.ofTask && !matches(this.ofTask, tokens)) return false;
    return this.patterns?.some((wanted) => matches(wanted, tokens)) ?? true;
  }
}

function matches(wanted: readonly string[], tokens: readonly string[]): boolean {
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index;
    if (token !== '*' && token !== tokens[index]) return false;
    if (index >= tokens.length) return false;
  }
  return tokens.length === wanted.length;
}

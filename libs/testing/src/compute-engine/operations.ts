import { type Answer, ok, refusal } from './wire.js';

interface Operation {
  name: string;
  id: string;
  /** `zones/us-central1-a` */
  scope: string;
  type: string;
  target: string;
  doneAt: number;
  done: () => boolean;
  error: { code: string; message: string } | undefined;
}

interface Begun {
  scope: string;
  type: string;
  target: string;
  takesMs: number;
  error?: Operation['error'];
  /** Beside the time, what must have come about. */
  done?: () => boolean;
}

/** Operations, and the request ids under which they were asked for. */
export class Operations {
  private readonly known = new Map<string, Operation>();
  private readonly asked = new Map<string, { operation: Operation; request: string }>();

  constructor(
    private readonly project: string,
    private readonly now: () => number,
    private readonly nextId: () => string,
  ) {}

  /** The answer to a repeated request; undefined when it is a new one. */
  repeated(requestId: string | null, request: string): Answer | undefined {
    const before = requestId ? this.asked.get(requestId) : undefined;
    if (!before) return undefined;
    if (before.request === request) return ok(this.body(before.operation));
    return refusal(400, 'invalid', `Request ID '${requestId}' was used with other parameters.`);
  }

  begin(begun: Begun, requestId: string | null, request: string): Answer {
    const { takesMs, error, done = () => true, ...rest } = begun;
    const id = this.nextId();
    const operation: Operation = { ...rest, id, name: `operation-${id}`, doneAt: this.now() + takesMs, done, error };
    this.known.set(`${begun.scope}/${operation.name}`, operation);
    if (requestId) this.asked.set(requestId, { operation, request });
    return ok(this.body(operation));
  }

  get(scope: string, name: string): Answer {
    const operation = this.known.get(`${scope}/${name}`);
    return operation ? ok(this.body(operation)) : refusal(404, 'notFound', `The resource '${name}' was not found`);
  }

  private isDone(operation: Operation): boolean {
    return this.now() >= operation.doneAt && operation.done();
  }

  private body(operation: Operation): object {
    const { name, id, scope, type, target, error } = operation;
    const done = this.isDone(operation);
    return {
      kind: 'compute#operation',
      id,
      name,
      operationType: type,
      targetLink: `https://www.googleapis.com/compute/v1/projects/${this.project}/${target}`,
      status: done ? 'DONE' : 'RUNNING',
      progress: done ? 100 : 0,
      [scope.startsWith('zones/') ? 'zone' : 'region']:
        `https://www.googleapis.com/compute/v1/projects/${this.project}/${scope}`,
      ...(done && error
        ? { error: { errors: [error] }, httpErrorStatusCode: 503, httpErrorMessage: 'SERVICE UNAVAILABLE' }
        : {}),
    };
  }
}

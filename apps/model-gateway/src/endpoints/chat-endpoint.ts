import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import { type ClientBody, parseBody } from '../bodies/client-body.js';
import { ChatModelCall } from '../dialects/chat-model-call.js';
import type { Dialect } from '../dialects/dialect.js';
import { ModelEndpoint } from './model-endpoint.js';

/** A request to chat whose body has come. */
export interface ChatRequest {
  headers: IncomingHttpHeaders;
  /** Its bytes; anything else is refused. */
  body: unknown;
}

/** Chats with a client in its protocol, whichever way its request came. */
@Injectable()
export class ChatEndpoint {
  constructor(private readonly endpoint: ModelEndpoint) {}

  /** Never rejects. */
  serve(dialect: Dialect, { headers, body }: ChatRequest, response: ServerResponse): Promise<void> {
    const read = (parsed: ClientBody) => new ChatModelCall(dialect, dialect.read(parsed, headers));
    return this.endpoint.serve(headers, response, dialect, () => {
      const parsed = parseBody(body);
      return parsed instanceof Promise ? parsed.then(read) : read(parsed);
    });
  }
}

import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { type ErrorBody, isPurserError, PurserError } from '@purser/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { throwError } from 'rxjs';
import type { Log } from './log.js';

/** What was asked, as far as it decides how an error looks. */
export interface FailedRequest {
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** How an error looks on this service's HTTP port. */
export type ErrorRenderer = (error: PurserError, request: FailedRequest) => { status: number; body: unknown };

export const plainErrors = (error: PurserError): { status: number; body: { error: ErrorBody } } => ({
  status: error.status,
  body: { error: error.toJSON() },
});

/** The one place where what was thrown becomes an answer, on HTTP and on the bus. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly log: Log,
    private readonly render: ErrorRenderer,
  ) {}

  catch(thrown: unknown, host: ArgumentsHost): unknown {
    // On the bus the strategy answers; Nest would hide the error behind "Internal server error".
    if (host.getType() !== 'http') return throwError(() => thrown);
    const error = this.known(thrown);
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent || reply.raw.headersSent) return undefined;
    const { url, headers } = http.getRequest<FastifyRequest>();
    const [path = '/'] = url.split('?');
    const { status, body } = this.render(error, { path, headers });
    return reply.status(status).send(body);
  }

  private known(thrown: unknown): PurserError {
    if (isPurserError(thrown)) return thrown;
    const status =
      thrown instanceof HttpException
        ? thrown.getStatus()
        : (thrown as { statusCode?: number } | null | undefined)?.statusCode;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (status === 404) return new PurserError('not_found', { message });
    if (status === 413) return new PurserError('payload_too_large', { message });
    if (status !== undefined && status >= 400 && status < 500) return new PurserError('invalid_request', { message });
    this.log.error({ error: thrown }, 'an HTTP request failed');
    return new PurserError('internal', { cause: thrown });
  }
}

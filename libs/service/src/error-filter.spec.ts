import { type ArgumentsHost, NotFoundException } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { lastValueFrom, type Observable } from 'rxjs';
import { ErrorFilter, type ErrorRenderer, plainErrors } from './error-filter.js';
import { createLog } from './log.js';

const log = createLog({ service: 'spec', instance: 'one', level: 'silent' });

const request = { url: '/v1/things?of=ours', headers: { 'x-version': '1' } };

function onHttp(
  thrown: unknown,
  { sent = false, render = plainErrors }: { sent?: boolean; render?: ErrorRenderer } = {},
) {
  const logged = jest.spyOn(log, 'error');
  const answer: { status?: number; body?: unknown } = {};
  const reply = {
    sent,
    raw: { headersSent: false },
    status(status: number) {
      answer.status = status;
      return reply;
    },
    send(body: unknown) {
      answer.body = body;
    },
  };
  const host = { getType: () => 'http', switchToHttp: () => ({ getResponse: () => reply, getRequest: () => request }) };
  new ErrorFilter(log, render).catch(thrown, host as unknown as ArgumentsHost);
  const times = logged.mock.calls.length;
  logged.mockRestore();
  return { ...answer, logged: times };
}

describe('the error filter', () => {
  it('answers an error of ours with its status, code, message and details', () => {
    expect(onHttp(new PurserError('budget_exhausted', { message: 'empty', details: { budget: 'm' } }))).toEqual({
      status: 402,
      body: { error: { code: 'budget_exhausted', message: 'empty', details: { budget: 'm' } } },
      logged: 0,
    });
  });

  it('translates what Nest and Fastify throw', () => {
    expect(onHttp(new NotFoundException('Cannot GET /x'))).toMatchObject({
      status: 404,
      body: { error: { code: 'not_found', message: 'Cannot GET /x' } },
    });
    expect(onHttp(Object.assign(new Error('large'), { statusCode: 413 }))).toMatchObject({
      status: 413,
      body: { error: { code: 'payload_too_large' } },
    });
    expect(onHttp(Object.assign(new Error('bad'), { statusCode: 400 }))).toMatchObject({
      body: { error: { code: 'invalid_request', message: 'bad' } },
    });
  });

  it.each([[new TypeError('secret detail')], ['a string'], [null], [undefined]])(
    'says no more than "internal" for %p, and logs it',
    (thrown) => {
      const answer = onHttp(thrown);
      expect(answer).toMatchObject({ status: 500, body: { error: { code: 'internal' } }, logged: 1 });
      expect(JSON.stringify(answer.body)).not.toContain('secret detail');
    },
  );

  it('answers in the shape that the service asks for, and not twice', () => {
    const render: ErrorRenderer = (error, asked) => ({ status: 418, body: { teapot: error.code, asked } });
    expect(onHttp(new PurserError('timeout'), { render })).toMatchObject({
      status: 418,
      body: { teapot: 'timeout', asked: { path: '/v1/things', headers: { 'x-version': '1' } } },
    });
    expect(onHttp(new PurserError('timeout'), { sent: true })).toEqual({ logged: 0 });
  });

  it('passes on, on the bus, exactly what was thrown', async () => {
    const thrown = new PurserError('conflict');
    const host = { getType: () => 'rpc' } as ArgumentsHost;
    const passed = new ErrorFilter(log, plainErrors).catch(thrown, host) as Observable<never>;
    await expect(lastValueFrom(passed)).rejects.toBe(thrown);
  });
});

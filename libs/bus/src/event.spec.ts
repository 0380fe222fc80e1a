import { CloudEvent } from '@purser/contracts';
import fc from 'fast-check';
import { z } from 'zod';
import { check, frame, unframe } from './event.js';
import { currentTraceparent, withTrace } from './trace.js';

const origin = { service: 'orchestrator', instance: 'one' };

describe('frames', () => {
  it('are CloudEvents that name their contract, origin and subject', () => {
    const event = frame('task.created', 'task.created.a', { taskId: 'a' }, origin, 'e1');
    expect(CloudEvent.parse(event)).toMatchObject({
      specversion: '1.0',
      id: 'e1',
      source: 'purser/orchestrator/one',
      type: 'dev.purser.task.created',
      subject: 'task.created.a',
      data: { taskId: 'a' },
    });
    expect(frame('x', 'x', 1, origin).id).not.toBe(frame('x', 'x', 1, origin).id);
  });

  it('give back any data that JSON can carry, framed or bare', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (data) => {
        const meant = JSON.parse(JSON.stringify(data)) as unknown;
        expect(unframe(JSON.stringify(frame('x', 'x', data, origin)), 'x').data).toEqual(meant);
        expect(unframe(JSON.stringify(data), 'x')).toEqual({ data: meant });
      }),
      { numRuns: 200 },
    );
  });

  it('are told apart from what cannot be read', () => {
    expect(() => unframe('{', 'tasks.submit')).toThrow('tasks.submit: not JSON');
    expect(() => unframe('{"specversion": "0.3"}', 'tasks.submit')).toThrow('tasks.submit: not a CloudEvent');
    expect(() => check(z.object({ id: z.string() }), {}, 'tasks.get')).toThrow('tasks.get: id');
  });
});

describe('a trace', () => {
  const incoming = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';

  it('goes on in a span of its own', () => {
    const inside = withTrace(incoming, currentTraceparent);
    expect(inside).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
    expect(inside).not.toBe(incoming);
    expect(withTrace(incoming, () => frame('x', 'x', 1, origin)).traceparent).toContain('0af7651916cd43dd');
  });

  it('begins anew where none or a broken one came, and ends with the work', () => {
    expect(withTrace('00-broken', currentTraceparent)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(currentTraceparent()).toBeUndefined();
    expect(frame('x', 'x', 1, origin)).not.toHaveProperty('traceparent');
  });
});

import { Cancellation } from './cancellation.js';

const over = new Error('over');
let reported: unknown[];
let cancellation: Cancellation;
beforeEach(() => {
  reported = [];
  cancellation = new Cancellation((error) => reported.push(error));
});

it('tells each of its listeners once why it ended, and those that come later at once', () => {
  const told: unknown[] = [];
  const listen = (name: string) => cancellation.onAbort((reason) => told.push([name, reason]));
  listen('a');
  listen('b');
  cancellation.abort(over);
  cancellation.abort(new Error('again'));
  listen('late');
  expect(told).toEqual(['a', 'b', 'late'].map((name) => [name, over]));
  expect([cancellation.reason, cancellation.signal.reason]).toEqual([over, over]);
});

it('does not call a listener that another one takes away', () => {
  const told: string[] = [];
  const last = () => told.push('last');
  cancellation.onAbort(() => {
    told.push('first');
    cancellation.offAbort(last);
  });
  cancellation.onAbort(last);
  cancellation.onAbort(() => told.push('other'));
  cancellation.abort(over);
  expect(told).toEqual(['first', 'other']);
});

it('calls the others when one of them throws, and reports what it threw', () => {
  const told: string[] = [];
  const broken = new Error('broken');
  cancellation.onAbort(() => {
    throw broken;
  });
  cancellation.onAbort(() => told.push('other'));
  expect(() => cancellation.abort(over)).not.toThrow();
  expect([told, reported]).toEqual([['other'], [broken]]);
});

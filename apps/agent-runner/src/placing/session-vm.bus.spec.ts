import { Bus } from '@purser/bus';
import { type Operation, type RequestOf, servedOn, vmsKeep, vmsLeave, vmsPlace } from '@purser/contracts';
import { eventually, startTestNats, type TestNats } from '@purser/testing';
import { vmOf } from './vms.fake.js';
import { SessionVm } from './session-vm.js';

jest.setTimeout(30_000);

const WISH = { session: 's1', task: 't1', ancestors: [], project: null, memoryMb: 300 };

let nats: TestNats;
let bus: Bus;
let session: AbortController;
let placed: number;
let left: string[];
/** What the manager answers. */
let place: () => Promise<unknown>;
let keep: () => unknown;
let said: string[];

const serve = <O extends Operation>(operation: O, handler: (request: RequestOf<O>) => unknown): void =>
  void bus.connection.subscribe(servedOn(operation), {
    callback: (_, message) =>
      void (async () => message.respond(JSON.stringify(await handler(message.json()))))().catch(() => undefined),
  });

beforeEach(async () => {
  nats = await startTestNats();
  bus = await Bus.connect({ url: nats.url, service: 'agent-runner', instance: 'spec' });
  session = new AbortController();
  placed = 0;
  left = [];
  said = [];
  place = () => Promise.resolve(vmOf(`vm${placed}`, { ...WISH, forMs: 1_000 }, Date.now() + 3_600_000));
  keep = () => ({ state: 'ready', reason: 'as the spec says', made: true });
  serve(vmsPlace, () => {
    placed += 1;
    return place();
  });
  serve(vmsKeep, () => keep());
  serve(vmsLeave, ({ reason }) => {
    left.push(reason);
    return { state: 'deleting' };
  });
});

afterEach(async () => {
  await bus.close();
  await nats.stop();
});

const asked = () => SessionVm.place(bus, WISH, session.signal, (line) => said.push(line));

it.each([
  [{ state: 'gone', made: false, reason: 'refused by fake: no such image' }, { kind: 'failed' }],
  [{ state: 'deleting', made: true, reason: 'not ready within 15 minutes: runs in here' }, { kind: 'failed' }],
  // Counted: what is paid for and lost each time ends for want of progress.
  [{ state: 'gone', made: true, reason: 'the platform took it away' }, { kind: 'continue' }],
  [{ state: 'gone', made: true, reason: 'emergency: tests' }, { kind: 'released' }],
])('asks for no other VM after one that is %j', async (told, result) => {
  keep = () => told;
  await expect(asked()).rejects.toMatchObject({ result });
  expect(placed).toBe(1);
  expect(left).toEqual(['its session was not begun']);
});

it('asks again where there was none, as no zone had room', async () => {
  keep = () =>
    placed === 1
      ? { state: 'gone', made: false, reason: 'no zone has room for small' }
      : { state: 'ready', made: true, reason: 'as the spec says' };
  const vm = await asked();
  expect(vm.vm.id).toBe('vm2');
  expect(said.join('\n')).toContain('no zone has room for small; it is tried again');
  expect(left).toEqual([]);
  await vm.leave('over');
});

it('gives up what is made after its session is over', async () => {
  let make: () => void = () => undefined;
  const made = new Promise<void>((resolve) => (make = resolve));
  const answer = place;
  place = () => made.then(answer);
  const asking = asked();
  await eventually(() => expect(placed).toBe(1));
  session.abort(new Error('stopped'));
  await expect(asking).rejects.toThrow('stopped');
  expect(left).toHaveLength(1);
  make();
  await eventually(() => expect(left).toHaveLength(2));
});

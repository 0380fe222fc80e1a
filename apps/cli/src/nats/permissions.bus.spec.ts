import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Bus, StreamReader } from '@purser/bus';
import {
  BUCKETS,
  emergencyStatus,
  heartbeat,
  readsStreams,
  type ServiceName,
  STREAMS,
  tasksCreate,
} from '@purser/contracts';
import { eventually, startTestNats, type TestNats } from '@purser/testing';
import { SERVICE_NAMES, servicePermissions } from './permissions.js';
import { type NatsUserName, natsUsers, type Secrets } from './secrets.js';

const password = 'for this run';
const secrets: Secrets = {
  nats: Object.fromEntries([...SERVICE_NAMES, 'tools'].map((name) => [name, password])) as Secrets['nats'],
  postgres: password,
  database: Object.fromEntries(SERVICE_NAMES.map((name) => [name, password])) as Secrets['database'],
};

describe('the users of the bus', () => {
  let nats: TestNats;
  const refusals = new Map<NatsConnection, string[]>();
  const open: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    nats = await startTestNats({ authorization: { users: natsUsers(secrets) } });
  });

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
  });

  afterAll(() => nats.stop());

  const as = async (user: NatsUserName, inboxPrefix?: string): Promise<NatsConnection> => {
    const connection = await connect({
      servers: new URL(nats.url).host,
      user,
      pass: password,
      reconnect: false,
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    });
    open.push(connection);
    void (async () => {
      for await (const status of connection.status()) {
        if (status.type === 'error') refusals.get(connection)?.push(status.error.message);
      }
    })();
    return connection;
  };

  const busOf = async (service: ServiceName): Promise<Bus> => {
    const url = `nats://${service}:${encodeURIComponent(password)}@${new URL(nats.url).host}`;
    const bus = await Bus.connect({ url, service, instance: 'one' });
    open.push(bus);
    return bus;
  };

  const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));

  /** What the server says to a publish; undefined when it lets it pass. */
  const refusalToPublish = async (connection: NatsConnection, subject: string): Promise<string | undefined> => {
    const said: string[] = [];
    refusals.set(connection, said);
    connection.publish(subject, '{}');
    // A refusal is sent before the answer to the flush, so it is here by then or never comes.
    await connection.flush();
    await turnOfTheLoop();
    return said[0];
  };

  const refusalToSubscribe = (connection: NatsConnection, subject: string): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      connection.subscribe(subject, { callback: (error) => resolve(error?.message) });
      connection
        .flush()
        .then(turnOfTheLoop)
        .then(() => resolve(undefined), reject);
    });

  it('refuses a connection without a password', async () => {
    await expect(connect({ servers: new URL(nats.url).host, reconnect: false })).rejects.toThrow(/authorization/i);
  });

  it('lets tools hand in tasks and hear facts', async () => {
    const watchdog = await busOf('cost-watchdog');
    await watchdog.ensureStreams();
    const tools = await as('tools');
    for (const subject of ['tasks.submit', 'tasks.create', 'tasks.get', 'tasks.list', '$SRV.PING']) {
      expect([subject, await refusalToPublish(tools, subject)]).toEqual([subject, undefined]);
    }
    for (const subject of [
      'task.>',
      'task.completed.x',
      'budget.>',
      'alert.>',
      'emergency.shutdown',
      'spend.>',
      'vm.>',
    ]) {
      expect([subject, await refusalToSubscribe(tools, subject)]).toEqual([subject, undefined]);
    }
  });

  it('refuses tools everything else', async () => {
    const tools = await as('tools');
    for (const subject of [
      'emergency.trigger',
      'emergency.shutdown',
      'budgets.set',
      'keys.create',
      'work.claim',
      'spend.recorded.openai',
      'heartbeat.cost-watchdog.x',
      '$JS.API.STREAM.DELETE.TASKS',
      '$JS.API.STREAM.INFO.TASKS',
      '$KV.emergency.latch',
    ]) {
      expect([subject, await refusalToPublish(tools, subject)]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
    }
    for (const subject of ['work.>', '>', 'tasks.create', 'keys.>', '_INBOX_model-gateway.>', '$JS.>', 'leases.>']) {
      expect([subject, await refusalToSubscribe(tools, subject)]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
    }
  });

  it('answers a request of tools that a service serves', async () => {
    const orchestrator = await as('orchestrator', '_INBOX_orchestrator');
    orchestrator.subscribe(tasksCreate.name, { callback: (_, message) => void message.respond('done') });
    await orchestrator.flush();
    const tools = await as('tools');
    expect((await tools.request(tasksCreate.name, '{}', { timeout: 2_000 })).string()).toBe('done');
  });

  it.each(SERVICE_NAMES)('lets %s start: the streams, the latch, its heartbeat', async (service) => {
    const watchdog = await busOf('cost-watchdog');
    await watchdog.ensureStreams();
    const bus = service === 'cost-watchdog' ? watchdog : await busOf(service);
    if (readsStreams(service)) {
      expect(await bus.haveStreams()).toBe(true);
      expect(await bus.read(BUCKETS.emergency, 'latch')).toBeUndefined();
    } else {
      const latch = { serial: 1, active: false, by: 'spec', reason: '', at: new Date().toISOString() };
      watchdog.connection.subscribe(emergencyStatus.name, {
        callback: (_, message) => void message.respond(JSON.stringify({ latch, acknowledgements: [] })),
      });
      await watchdog.connection.flush();
      expect(await bus.call(emergencyStatus, {})).toMatchObject({ latch });
    }
    const at = new Date().toISOString();
    await bus.publish(heartbeat, `${service}.one`, { service, instance: 'one', version: '1', startedAt: at, at });
    await bus.connection.flush();
  });

  const STREAM_NAMES = [...Object.keys(STREAMS), 'KV_emergency'];
  const NOBODY = STREAM_NAMES.flatMap((stream) => [
    `$JS.API.STREAM.DELETE.${stream}`,
    `$JS.API.STREAM.PURGE.${stream}`,
    `$JS.API.STREAM.MSG.DELETE.${stream}`,
    `$JS.API.STREAM.RESTORE.${stream}`,
    `$JS.API.STREAM.SNAPSHOT.${stream}`,
  ]);
  const WATCHDOG_ALONE = [
    ...STREAM_NAMES.flatMap((stream) => [`$JS.API.STREAM.CREATE.${stream}`, `$JS.API.STREAM.UPDATE.${stream}`]),
    '$JS.API.CONSUMER.CREATE.SPEND',
    '$JS.API.CONSUMER.DURABLE.CREATE.SPEND.mine',
    '$JS.API.CONSUMER.DELETE.SPEND.ledger',
    '$JS.API.CONSUMER.MSG.NEXT.SPEND.mine',
    '$JS.API.CONSUMER.DURABLE.CREATE.FACTS.mine',
    '$KV.emergency.latch',
    'emergency.shutdown',
    'emergency.cleared',
    'heartbeat.cost-watchdog.x',
    'leases.recall',
    'alert.critical.x',
    'budget.exhausted.x',
  ];
  const ALWAYS = [
    '$JS.API.STREAM.CREATE.MINE',
    '$JS.API.STREAM.NAMES',
    '$JS.API.CONSUMER.CREATE.KV_emergency',
    '$JS.API.INFO',
    '$SYS.REQ.SERVER.PING',
    'something.else',
    ...NOBODY,
  ];
  const OF_COMPUTE = ['spend.recorded.gcp', 'spend.recorded.docker', 'spend.recorded.compute.x'];
  const OF_ONE_SERVICE: [ServiceName, string[]][] = [
    [
      'orchestrator',
      ['task.completed.x', '$JS.API.CONSUMER.DURABLE.CREATE.TASKS.mine', 'emergency.reset', 'keys.list'],
    ],
    ['model-gateway', ['spend.recorded.openai', ...OF_COMPUTE, 'leases.grant', 'leases.return']],
    ['agent-runner', ['work.claim', 'work.finish', 'keys.renew']],
    // It holds money for VMs, and tells what they cost, but not what models do.
    ['offload-manager', [...OF_COMPUTE, 'leases.grant', 'leases.return']],
    ['cost-watchdog', [...WATCHDOG_ALONE, 'dead.letter.x']],
  ];

  it.each(SERVICE_NAMES)('refuses %s what is not its own', async (service) => {
    const connection = await as(service, `_INBOX_${service}`);
    const mine = OF_ONE_SERVICE.filter(([name]) => name === service).flatMap(([, subjects]) => subjects);
    const others = OF_ONE_SERVICE.flatMap(([, subjects]) => subjects).filter((subject) => !mine.includes(subject));
    const own = new Set(servicePermissions(service).publish);
    for (const subject of [
      ...ALWAYS,
      ...others.filter((one) => one !== 'dead.letter.x' || !own.has('dead.letter.>')),
    ]) {
      expect([subject, await refusalToPublish(connection, subject)]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
    }
    for (const subject of ['>', '$JS.>', '$KV.>', 'work.claim', 'keys.create', 'leases.grant', 'tasks.create']) {
      if (servicePermissions(service).subscribe.includes(subject)) continue;
      expect([subject, await refusalToSubscribe(connection, subject)]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
    }
  });

  it('gives a runner nothing of JetStream, and no inbox but those of who asks it', async () => {
    const runner = await as('agent-runner', '_INBOX_agent-runner');
    for (const subject of [
      ...STREAM_NAMES.map((stream) => `$JS.API.STREAM.INFO.${stream}`),
      '$JS.API.STREAM.MSG.GET.KV_emergency',
      '$JS.API.DIRECT.GET.KV_emergency',
      '$JS.API.STREAM.MSG.GET.SPEND',
      'dead.letter.x',
      'emergency.trigger',
      'budgets.set',
      'tasks.submit',
      '_INBOX_model-gateway.x',
      '_INBOX_cost-watchdog.x',
    ]) {
      expect([subject, await refusalToPublish(runner, subject)]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
    }
    expect(await refusalToPublish(runner, '_INBOX_orchestrator.x')).toBeUndefined();
    expect(await refusalToSubscribe(runner, '_INBOX_orchestrator.>')).toMatch(/permissions violation/i);
  });

  it('lets the orchestrator read facts, old ones and new ones, and clear away after itself', async () => {
    const watchdog = await busOf('cost-watchdog');
    await watchdog.ensureStreams();
    const orchestrator = await busOf('orchestrator');
    const reader = new StreamReader(orchestrator, 'FACTS');
    const { last } = await reader.ends();
    await orchestrator.jetstream.publish('task.created.one', '{}');
    const old: string[] = [];
    for await (const { subject } of reader.between(last + 1, last + 1, 'task.*.one')) old.push(subject);
    expect(old).toEqual(['task.created.one']);
    const seen: string[] = [];
    const following = reader.follow(
      last + 1,
      ({ subject }) => seen.push(subject),
      () => undefined,
    );
    await orchestrator.jetstream.publish('task.started.one', '{}');
    await eventually(() => expect(seen).toEqual(['task.created.one', 'task.started.one']));
    await following.stop();
    const { state } = await watchdog.manager.streams.info('FACTS');
    expect(state.consumer_count).toBe(0);
  });

  it.each([
    ['purge a stream', '$JS.API.STREAM.PURGE.SPEND'],
    ['delete a stream', '$JS.API.STREAM.DELETE.SPEND'],
    ['delete a message', '$JS.API.STREAM.MSG.DELETE.SPEND'],
    ['empty the bucket of the latch', '$JS.API.STREAM.PURGE.KV_emergency'],
    ['write the latch', '$KV.emergency.latch'],
  ])('does not let tools %s by the reply subject of a submit', async (_, target) => {
    const watchdog = await busOf('cost-watchdog');
    await watchdog.ensureStreams();
    await watchdog.write(BUCKETS.emergency, 'latch', { on: true });
    const gateway = await as('model-gateway', '_INBOX_model-gateway');
    for (let nth = 0; nth < 3; nth++) await gateway.request('spend.recorded.openai', '{}');
    const state = async (stream: string) => (await watchdog.manager.streams.info(stream)).state;
    const submitted = (await state('TASKS')).last_seq;
    const before = { spend: await state('SPEND'), latch: await state('KV_emergency') };

    const tools = await as('tools');
    for (let nth = 0; nth < 3; nth++) tools.publish('tasks.submit', '{}', { reply: target });
    await eventually(async () => expect((await state('TASKS')).last_seq).toBe(submitted + 3));
    // The server's own answers have had their turn when it has answered what was asked after them.
    for (let turn = 0; turn < 5; turn++) await state('SPEND');
    expect({ spend: await state('SPEND'), latch: await state('KV_emergency') }).toEqual(before);
    expect(await watchdog.read(BUCKETS.emergency, 'latch')).toEqual({ on: true });
  });

  it.each([
    '$JS.API.STREAM.PURGE.SPEND',
    '$JS.API.STREAM.DELETE.SPEND',
    '$JS.API.STREAM.MSG.DELETE.SPEND',
    '$JS.API.STREAM.UPDATE.SPEND',
    '$JS.API.STREAM.PURGE.KV_emergency',
    '$JS.API.STREAM.DELETE.KV_emergency',
  ])('does not let a runner reach %s by the reply subject of what it may publish', async (target) => {
    const watchdog = await busOf('cost-watchdog');
    await watchdog.ensureStreams();
    await watchdog.write(BUCKETS.emergency, 'latch', { on: true });
    const gateway = await as('model-gateway', '_INBOX_model-gateway');
    for (let nth = 0; nth < 3; nth++) await gateway.request('spend.recorded.openai', '{}');
    const info = (stream: string) => watchdog.manager.streams.info(stream);
    const both = async () =>
      (await Promise.all([info('SPEND'), info('KV_emergency')])).map(({ config, state }) => ({ config, state }));
    const published = (await info('FACTS')).state.last_seq;
    const before = await both();

    const runner = await as('agent-runner', '_INBOX_agent-runner');
    for (let nth = 0; nth < 3; nth++)
      runner.publish('emergency.acknowledged.agent-runner.one', '{}', { reply: target });
    await eventually(async () => expect((await info('FACTS')).state.last_seq).toBe(published + 3));
    for (let turn = 0; turn < 5; turn++) await info('SPEND');
    expect(await both()).toEqual(before);
    expect(await watchdog.read(BUCKETS.emergency, 'latch')).toEqual({ on: true });
  });

  it.each(['$SRV.PING', '$SRV.INFO.cost-watchdog', '$SRV.STATS'])(
    'does not let tools purge a stream by the reply subject of %s',
    async (subject) => {
      const watchdog = await as('cost-watchdog', '_INBOX_cost-watchdog');
      const said: string[] = [];
      refusals.set(watchdog, said);
      watchdog.subscribe(subject, { callback: (_, message) => void message.respond('{}') });
      await watchdog.flush();
      const tools = await as('tools');
      tools.publish(subject, '', { reply: '$JS.API.STREAM.PURGE.SPEND' });
      await eventually(() => expect(said).toEqual([expect.stringMatching(/permissions violation.*PURGE/i)]));
    },
  );
});

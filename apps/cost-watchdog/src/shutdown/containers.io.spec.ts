import type { Bus } from '@purser/bus';
import { Log, systemClock } from '@purser/service';
import { eventually } from '@purser/testing';
import { BlastRadius } from './blast-radius.js';
import { ContainersService } from './containers.service.js';
import { FakeDocker } from './docker.fake.js';
import { DockerEngine } from './docker-engine.js';
import { EmergencyFile } from './emergency-file.js';
import type { ProcessesService } from './processes.service.js';
import { StoppingService } from './stopping.service.js';
import { type Emergency, TargetList } from './target-list.js';

let docker: FakeDocker;
let over: AbortController;
let watching: Promise<void> | undefined;

const quiet = () => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const CHOSEN = { 'purser.stop': 'true' };

beforeEach(async () => {
  docker = await FakeDocker.start();
  over = new AbortController();
});

afterEach(async () => {
  over.abort();
  await watching;
  watching = undefined;
  await docker.stop();
});

const service = (file: Parameters<typeof EmergencyFile.parse>[0] = {}, host = docker.host) =>
  new ContainersService(new DockerEngine(host), EmergencyFile.parse(file), log);

const emergency = (limit = 50): Emergency => ({
  targets: new TargetList('one', () => new Date()),
  radius: new BlastRadius(limit),
  signal: over.signal,
});

const fates = ({ targets }: Emergency) => Object.fromEntries(targets.all.map(({ name, fate }) => [name, fate]));
const state = (name: string) => [...docker.containers.values()].find((one) => one.name === name)?.state;

describe('stopping containers', () => {
  it('takes those with the label, their restart policy first, and no others', async () => {
    const always = docker.add('always', { labels: CHOSEN, policy: 'always' });
    docker.add('stubborn', { labels: CHOSEN, exitCode: 137 });
    docker.add('kept', { labels: { ...CHOSEN, 'purser.protect': 'true' } });
    docker.add('other');
    docker.add('off', { labels: CHOSEN, state: 'exited' });
    const at = emergency();
    expect(await service().stopChosen(at)).toEqual([]);
    expect(fates(at)).toEqual({ always: 'stopped', stubborn: 'killed', kept: 'protected', other: 'left' });
    expect(docker.asked.filter((one) => one.endsWith('always')).slice(0, 3)).toEqual([
      'json always',
      'update always',
      'stop always',
    ]);
    expect(always.policy).toBe('no');
    expect(at.targets.get('container', always.id)?.detail).toContain('its restart policy was always');
    expect([state('kept'), state('other')]).toEqual(['running', 'running']);
  });

  it('takes all but its own project and what is protected, when told so', async () => {
    docker.add('database', { labels: { 'com.docker.compose.project': 'shop' } });
    docker.add('vault', { labels: { 'purser.protect': '' } });
    docker.add('backup-7');
    const at = emergency();
    await service({ docker: { mode: 'all', protect: ['backup-*'] } }).stopChosen(at);
    expect(fates(at)).toEqual({ database: 'stopped', vault: 'protected', 'backup-7': 'protected' });
  });

  it.each([
    ['that says it does not run any more', 'stop', 304, 'alive'],
    ['that nobody knows any more', 'stop', 404, 'alive'],
  ])('believes no engine %s, but looks', async (_, verb, status, fate) => {
    docker.add('odd', { labels: CHOSEN });
    docker.oddities.set(`${verb} odd`, status);
    const at = emergency();
    await service().stopChosen(at);
    expect(fates(at)).toEqual({ odd: fate });
  });

  it('counts one that ended, or went, before it was asked as gone', async () => {
    const ended = docker.add('ended', { labels: CHOSEN });
    const gone = docker.add('gone', { labels: CHOSEN });
    docker.oddities.set('json ended', () => (ended.state = 'exited'));
    docker.oddities.set('stop ended', 304);
    docker.oddities.set('json gone', () => docker.containers.delete(gone.id));
    docker.oddities.set('stop gone', 404);
    const at = emergency();
    await service().stopChosen(at);
    expect(fates(at)).toEqual({ ended: 'gone', gone: 'stopped' });
  });

  it('kills what the engine fails to stop', async () => {
    docker.add('failing', { labels: CHOSEN });
    docker.oddities.set('stop failing', 500);
    const at = emergency();
    await service().stopChosen(at);
    expect(fates(at)).toEqual({ failing: 'killed' });
    expect(state('failing')).toBe('exited');
    expect(at.targets.all[0]?.detail).toContain('odd 500');
  });

  it('takes a refusal to kill what does not run for what it is', async () => {
    const late = docker.add('late', { labels: CHOSEN });
    docker.oddities.set('stop late', 500);
    docker.oddities.set('kill late', () => (late.state = 'exited'));
    const at = emergency();
    await service().stopChosen(at);
    expect(fates(at)).toEqual({ late: 'killed' });
  });

  it('goes on when a restart policy cannot be changed, and says so', async () => {
    docker.add('removed-at-end', { labels: CHOSEN, policy: 'always' });
    docker.oddities.set('update removed-at-end', 409);
    const at = emergency();
    await service().stopChosen(at);
    expect(fates(at)).toEqual({ 'removed-at-end': 'stopped' });
    expect(at.targets.all[0]?.detail).toContain('could not be changed');
  });

  it('leaves running what is above the cap, and says so', async () => {
    for (const name of ['a', 'b', 'c']) docker.add(name, { labels: CHOSEN });
    const at = emergency(2);
    await service().stopChosen(at);
    expect(Object.values(fates(at)).sort()).toEqual(['over_cap', 'stopped', 'stopped']);
    expect([...docker.containers.values()].filter(({ state: one }) => one === 'running')).toHaveLength(1);
  });

  it('says that the engine does not answer', async () => {
    docker.oddities.set('list', 500);
    expect(await service().stopChosen(emergency())).toEqual([expect.stringContaining('Docker: ')]);
  });

  it('finds nothing to do on a machine without Docker, or when it is to leave it alone', async () => {
    docker.add('chosen', { labels: CHOSEN });
    expect(await service({}, 'unix:///nonexistent/docker.sock').stopChosen(emergency())).toEqual([]);
    const at = emergency();
    expect(await service({ docker: { mode: 'off' } }).stopChosen(at)).toEqual([]);
    expect([at.targets.all, state('chosen')]).toEqual([[], 'running']);
  });
});

describe('keeping them stopped', () => {
  const began = () => eventually(() => expect(docker.watchers).toBe(1));

  it('stops again what comes back, until it is over', async () => {
    docker.add('back', { labels: CHOSEN, policy: 'always' });
    docker.add('other');
    const at = emergency();
    const containers = service();
    await containers.stopChosen(at);
    const returned: string[] = [];
    watching = containers.keepStopped(at, ({ name, detail }) => returned.push(`${name}: ${detail}`));
    await began();
    docker.startAgain('other');
    docker.startAgain('back');
    await eventually(() =>
      expect([state('back'), returned]).toEqual([
        'exited',
        [expect.stringMatching(/^back: .*was always.*it came back/)],
      ]),
    );
    expect(state('other')).toBe('running');
    over.abort();
    await watching;
    await eventually(() => expect(docker.watchers).toBe(0));
    docker.startAgain('back');
    expect(state('back')).toBe('running');
  });

  it('stops at last what could not be stopped at first, and does not say that it came back', async () => {
    docker.add('odd', { labels: CHOSEN });
    docker.oddities.set('stop odd', 304);
    const at = emergency();
    const containers = service();
    await containers.stopChosen(at);
    expect(fates(at)).toEqual({ odd: 'alive' });
    const returned: string[] = [];
    watching = containers.keepStopped(at, ({ name }) => returned.push(name));
    await eventually(() => expect(fates(at)).toEqual({ odd: 'stopped' }));
    over.abort();
    await watching;
    expect(returned).toEqual([]);
    expect(at.targets.all[0]?.detail).not.toContain('came back');
  });

  it('tells of what came back before the second look, or started only then', async () => {
    docker.add('back', { labels: CHOSEN });
    const containers = service();
    const nothing = { survey: () => [] } as unknown as ProcessesService;
    const bus = { origin: { service: 'cost-watchdog', instance: 'one' } } as Bus;
    const stopping = new StoppingService(containers, nothing, bus, systemClock, EmergencyFile.parse({}));
    const at = stopping.begin(over.signal);
    await stopping.stopContainers(at);
    docker.startAgain('back');
    docker.add('new', { labels: CHOSEN });
    await stopping.lookAgain(at);
    expect(fates(at)).toEqual({ back: 'alive', new: 'alive' });
    const returned: string[] = [];
    watching = stopping.keepContainersStopped(at, ({ name }) => returned.push(name));
    await eventually(() =>
      expect([fates(at), returned]).toEqual([{ back: 'stopped', new: 'stopped' }, ['back', 'new']]),
    );
  });

  it('asks for the events again when they break off, and misses nothing meanwhile', async () => {
    docker.add('back', { labels: CHOSEN });
    const at = emergency();
    const containers = service();
    await containers.stopChosen(at);
    watching = containers.keepStopped(at, quiet);
    await began();
    docker.breakEvents();
    docker.startAgain('back');
    await eventually(() => expect([state('back'), docker.watchers]).toEqual(['exited', 1]));
  });
});

import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Config } from '../config.js';
import type { Movable } from '../moving/movables.js';
import { type Component, whyItStays } from './component.js';
import { componentsFileSchema, loadComponentsFile } from './components-file.js';
import { Components } from './components.service.js';
import { DockerComponents } from './docker-components.js';

const committed = join(__dirname, '../../../../config');

let folder: string;
let docker: ReturnType<typeof createServer>;
let containers: unknown[] = [];
let refusing = false;
const stats = {
  memory_stats: { usage: 700 * 1024 ** 2, stats: { inactive_file: 100 * 1024 ** 2 } },
  cpu_stats: { cpu_usage: { total_usage: 3e9 }, system_cpu_usage: 20e9, online_cpus: 4 },
  precpu_stats: { cpu_usage: { total_usage: 1e9 }, system_cpu_usage: 12e9 },
};

beforeAll(async () => {
  docker = createServer((request, response) => {
    if (refusing) response.statusCode = 500;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url?.includes('/stats') ? stats : containers));
  }).listen(0, '127.0.0.1');
  await once(docker, 'listening');
});
afterAll(() => {
  docker.closeAllConnections();
  docker.close();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-components-'));
  containers = [];
  refusing = false;
});
afterEach(() => rm(folder, { recursive: true }));

async function put(path: string, content: unknown): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
}

const dockerHost = () => `tcp://127.0.0.1:${(docker.address() as AddressInfo).port}`;

async function discovered(settings: Record<string, string> = {}, away: readonly Movable[] = []): Promise<Components> {
  const given = { PURSER_NATS_URL: 'nats://127.0.0.1:1', PURSER_DATABASE_URL: 'postgres://127.0.0.1:1/none' };
  const config = Config.parse({ ...given, PURSER_CONFIG_DIR: folder, ...settings });
  const components = new Components(config, new DockerComponents(dockerHost()), {
    definitions: () => Promise.resolve(away),
  });
  await components.discover();
  return components;
}

const embedder = {
  name: 'embedder',
  image: 'example/embedder:1',
  port: 9000,
  stateless: true,
  local: { url: 'http://127.0.0.1:9000', container: 'embedder' },
};

it('finds what components.json names, also beside an entry that is wrong', async () => {
  await put('components.json', { components: [embedder, { name: 'a b' }, { ...embedder, name: 'ocr', port: 0 }] });
  const components = await discovered();
  expect(components.list().map(({ name }) => name)).toEqual(['embedder']);
  expect(components.get('embedder')).toMatchObject({ kind: 'service', diskGb: 20, healthPath: '/' });
  expect(components.problems).toEqual([
    expect.stringContaining('components.1.name: letters, digits'),
    expect.stringContaining('components.2.port:'),
  ]);
});

it('tells a file that is not JSON, and goes on without it', async () => {
  await put('components.json', '{');
  await put('modules/a.py', 'import os');
  const components = await discovered({ PURSER_COMPONENT_FOLDERS: join(folder, 'modules') });
  expect(components.problems).toEqual([expect.stringContaining('components.json is not JSON')]);
  expect(components.list().map(({ name }) => name)).toEqual(['a']);
});

it('holds to what was found last while the file is half saved or Docker does not answer, and lets nothing leave', async () => {
  const kept = { ...embedder, name: 'voice', keepLocal: true };
  containers = [
    {
      Id: 'c2',
      Names: ['/ocr'],
      Image: 'x',
      State: 'running',
      Labels: { 'purser.component': 'ocr', 'purser.component.stateless': 'true' },
      Ports: [{ PrivatePort: 80, PublicPort: 8088, Type: 'tcp' }],
    },
  ];
  await put('components.json', { components: [embedder, kept] });
  const components = await discovered();
  const stay = () => components.list().map((one) => [one.name, whyItStays(one) !== undefined]);
  const all = [
    ['embedder', false],
    ['voice', true],
    ['ocr', false],
  ];
  expect(stay()).toEqual(all);
  refusing = true;
  await components.discover();
  expect(stay()).toEqual(all);
  expect(components.problems).toEqual([expect.stringContaining('does not tell its containers')]);
  refusing = false;
  await put('components.json', '{"components": [');
  await components.discover();
  expect(stay()).toEqual(all.map(([name]) => [name, true]));
  await put('components.json', { components: [embedder, kept] });
  await components.discover();
  expect(stay()).toEqual(all);
});

it('finds modules in folders by their names with dots, packages whole, and not what tools wrote', async () => {
  await put('components.json', {
    scan: [
      { folder: 'src', skip: ['old*'] },
      { folder: 'node', depth: 1 },
    ],
    keepLocal: ['voice.coreml'],
  });
  for (const file of ['voice/__init__.py', 'voice/coreml/engine.py', 'voice/tts.py', 'old_voice/x.py', 'test_a.py'])
    await put(`src/${file}`, 'import os');
  await put('src/__pycache__/tts.py', '');
  await put('src/api/server.ts', 'export {}');
  await put('src/api/server.spec.ts', 'export {}');
  await put('node/@scope/pkg/package.json', { main: 'lib/a.js' });
  await put('node/@scope/pkg/lib/a.js', '');
  const components = await discovered();
  expect(components.problems).toEqual([]);
  const names = components.list().map(({ name, module, keepLocal }) => [name, module?.language, keepLocal]);
  expect(names).toEqual([
    ['api.server', 'javascript', false],
    ['voice', 'python', false],
    ['voice.coreml.engine', 'python', true],
    ['voice.tts', 'python', false],
    ['scope.pkg', 'javascript', false],
  ]);
});

it('finds labelled containers, reads what they use, and knows one that components.json names', async () => {
  const container = { Id: 'c1', Names: ['/embedder'], Image: 'x', State: 'running' };
  containers = [
    { ...container, Names: ['/at-home'], Labels: { 'purser.component': 'embedder' } },
    {
      ...container,
      Id: 'c2',
      Names: ['/ocr'],
      Labels: { 'purser.component': 'ocr', 'purser.component.stateless': 'true' },
      Ports: [{ PrivatePort: 80, PublicPort: 8088, Type: 'tcp' }],
    },
    { ...container, Id: 'c3', Names: ['/bad'], Labels: { 'purser.component': 'a b' } },
  ];
  const atHome = { url: 'http://embedder:9000', container: 'at-home' };
  await put('components.json', { components: [{ ...embedder, local: atHome }] });
  const components = await discovered();
  expect(components.get('embedder')).toMatchObject({
    source: 'components.json',
    containerId: 'c1',
    image: 'example/embedder:1',
  });
  expect(components.get('ocr')).toMatchObject({
    source: 'docker',
    port: 80,
    local: { url: 'http://127.0.0.1:8088', container: 'ocr' },
  });
  expect(whyItStays(components.get('ocr') as Component)).toBeUndefined();
  expect(components.problems).toEqual([expect.stringContaining('the container bad: its label purser.component')]);
  expect(await new DockerComponents(dockerHost()).use('c1')).toEqual({ memoryMb: 600, cpus: 1 });
});

it('goes on knowing what was moved away, whose container is stopped here and not found', async () => {
  const left = {
    name: 'ocr',
    kind: 'container',
    source: 'docker',
    image: 'x',
    command: [],
    env: {},
    port: 80,
    healthPath: '/',
    diskGb: 20,
    stateless: true,
    local: { url: 'http://127.0.0.1:8088', container: 'ocr' },
  } satisfies Partial<Component> & Movable;
  await put('components.json', { components: [embedder], keepLocal: ['voice'] });
  const components = await discovered({}, [left, { ...left, name: 'embedder' }, { ...left, name: 'voice' }]);
  expect(components.problems).toEqual([]);
  expect(components.get('ocr')).toMatchObject({ kind: 'container', local: left.local, stateless: true });
  // What is found here says it better; and what was said to be kept here since then is.
  expect(components.get('embedder')).toMatchObject({ source: 'components.json' });
  expect(components.get('voice')).toMatchObject({ keepLocal: true });
});

it('tells a name that is there twice, and a folder that is not there', async () => {
  await put('components.json', { components: [embedder, embedder], scan: [{ folder: 'nowhere' }] });
  const components = await discovered();
  expect(components.list()).toHaveLength(1);
  expect(components.problems).toEqual([
    expect.stringContaining('nowhere'),
    'embedder is there twice: taken from components.json, not from components.json',
  ]);
});

it('has, as it is committed, the schema of what is read, and nothing wrong in it', async () => {
  const kept: unknown = JSON.parse(await readFile(join(committed, 'schemas/components.schema.json'), 'utf8'));
  // Stale? node apps/offload-manager/dist/write-schema.js config/schemas/components.schema.json
  expect(kept).toEqual(JSON.parse(JSON.stringify(componentsFileSchema())));
  expect(await loadComponentsFile(committed)).toMatchObject({ problems: [], components: [] });
});

it.each<[string, Partial<Component>, string | undefined]>([
  ['as it should be', {}, undefined],
  ['kept local', { keepLocal: true }, 'kept local'],
  ['without an image', { image: undefined }, 'no `image`'],
  ['without a port', { port: undefined }, 'no `port`'],
  ['with state', { stateless: false }, '`stateless` or `checkpointable`'],
  ['without a place here', { local: undefined }, '`local.url`'],
  ['by a name with dots', { name: 'a.b' }, 'its name has a dot'],
])('a component %s says whether it can move', (_how, changed, says) => {
  const bare: Component = {
    ...embedder,
    kind: 'service',
    source: '',
    command: [],
    env: {},
    healthPath: '/',
    diskGb: 20,
    checkpointable: false,
    keepLocal: false,
  };
  const why = whyItStays({ ...bare, ...changed });
  if (says === undefined) expect(why).toBeUndefined();
  else expect(why).toContain(says);
});

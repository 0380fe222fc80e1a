import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Config } from '../config.js';
import { containerEntries } from './container-entry.js';

const URLS = { PURSER_DATABASE_URL: 'postgres://127.0.0.1/x', PURSER_NATS_URL: 'nats://127.0.0.1' };
let home: string;
const config = (changes: Record<string, string>): Config => Config.parse({ PURSER_HOME: home, ...URLS, ...changes });
const given = { use: '@purser/container', config: { memoryMb: 256 } };

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'purser-entry-'));
});
afterAll(() => rm(home, { recursive: true }));

it('offers no containers unless the settings say so, whatever plugins.json names', async () => {
  expect(await containerEntries([given], config({}))).toEqual([]);
});

it('adds where things are to what plugins.json says of containers', async () => {
  const [entry] = await containerEntries([given], config({ PURSER_CONTAINERS: 'true' }));
  expect(entry).toMatchObject({ use: '@purser/container', config: { memoryMb: 256, home } });
  expect(entry?.config.folders).toEqual([
    expect.stringMatching(/\/workspaces$/) as string,
    expect.stringMatching(/\/sessions$/) as string,
  ]);
  const gate = '/run/purser-containers/docker.sock';
  const [other] = await containerEntries([], config({ PURSER_CONTAINERS: 'true', PURSER_CONTAINERS_GATE: gate }));
  expect(other?.config.gate).toBe(gate);
});

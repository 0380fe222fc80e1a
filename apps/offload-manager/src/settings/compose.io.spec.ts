import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serviceSettings } from '@purser/service';
import { Config } from '../config.js';

/** Where Docker is on the host means nothing in a container, and the port is the container's own. */
const NOT_PASSED_ON = ['DOCKER_HOST', 'PURSER_OFFLOAD_PORT', ...Object.keys(serviceSettings)];

it('are all passed on by docker-compose.yml', async () => {
  const compose = await readFile(join(__dirname, '../../../../docker-compose.yml'), 'utf8');
  const service = /^ {2}offload-manager:\n((?: {4}.*\n|\n)+)/m.exec(compose)?.[1] ?? '';
  const passedOn = new Set([...service.matchAll(/^ {6}([A-Z][A-Z0-9_]*):/gm)].map(([, name]) => name));
  const settings = Object.keys(Config.shape).filter((name) => !NOT_PASSED_ON.includes(name));
  expect(settings.length).toBeGreaterThan(40);
  expect(settings.filter((name) => !passedOn.has(name))).toEqual([]);
});

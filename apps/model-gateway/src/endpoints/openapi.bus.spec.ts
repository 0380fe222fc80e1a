import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { GATEWAY_ENDPOINTS } from '@purser/contracts';
import type { FastifyInstance } from 'fastify';
import { openWorld, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** From the tree that fastify prints: `│   └── /count_tokens (POST)`. What takes every method is there to say no. */
function routesOf(server: FastifyInstance): string[] {
  const above: string[] = [];
  return server
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', path = '', methods = ''] = /^([│├└─ ]*)(\/\S*) \((.*)\)$/.exec(line) ?? [];
      const depth = indent.length / 4 - 1;
      if (path === '') return [];
      above.splice(depth, Infinity, path);
      return methods.includes('DELETE') ? [] : [`${methods.replace(', HEAD', '')} ${above.join('')}`];
    });
}

it('describes itself without a key', async () => {
  const response = await fetch(`${world.gateway.url}/openapi.json`);
  expect(await response.json()).toMatchObject({
    openapi: '3.1.0',
    paths: { '/v1/chat/completions': { post: { operationId: 'chat-completions' } } },
  });
});

it('describes every model endpoint that it serves, and no other', () => {
  const server = (world.gateway.app as NestFastifyApplication).getHttpAdapter().getInstance();
  const served = routesOf(server).filter((route) => route.includes(' /v1/'));
  const described = GATEWAY_ENDPOINTS.map(
    ({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
  );
  expect(served.sort()).toEqual(described.sort());
});

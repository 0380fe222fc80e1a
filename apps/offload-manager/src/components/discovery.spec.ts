import type { Config } from '../config.js';
import { QUIET } from '../offload.fixture.js';
import type { ProfileCache } from '../profiles/profile-cache.js';
import type { Profiler } from '../profiles/profiler.service.js';
import type { Component } from './component.js';
import type { Components } from './components.service.js';
import { Discovery } from './discovery.service.js';

it('looks once for all who ask while it is looking, and tells each what was found after they asked', async () => {
  let found: string[] = [];
  const looks: (() => void)[] = [];
  const components = {
    problems: [],
    list: () => found.map((name) => ({ name }) as Component),
    discover: () =>
      new Promise<void>((resolve) => {
        looks.push(() => {
          found = [...found, `c${looks.length}`];
          resolve();
        });
      }),
  } as unknown as Components;
  const profiler = { refresh: () => Promise.resolve() } as unknown as Profiler;
  const config = { AUTO_DISCOVERY_INTERVAL_SECONDS: 60, HYBRID_ORCHESTRATION_ENABLED: true } as Config;
  const discovery = new Discovery(components, profiler, {} as ProfileCache, QUIET, config);

  const first = discovery.discoverNow();
  await new Promise(setImmediate);
  const others = Array.from({ length: 50 }, () => discovery.discoverNow());
  looks[0]?.();
  expect(await first).toMatchObject({ known: 1, added: ['c1'] });
  await new Promise(setImmediate);
  looks[1]?.();
  for (const one of await Promise.all(others)) expect(one).toMatchObject({ known: 2, added: ['c2'] });
  expect(looks).toHaveLength(2);
});

import type { Log } from '@purser/service';
import { eventually } from '@purser/testing';
import type { Executors } from '../executors/executors.js';
import type { Session } from '../sessions/session.js';
import type { Sessions } from '../sessions/sessions.service.js';
import type { Metering } from './metering.service.js';
import type { Overheads } from './overheads.service.js';
import { ResourceMonitor } from './resource-monitor.service.js';

it('looks at all limits also while an executor does not tell its memory', async () => {
  const session = {
    id: 'session',
    isWorking: true,
    assignment: { limits: { memoryMb: 100, seconds: 10 }, executor: 'slow' },
    meter: { usage: { seconds: 0 }, tick: () => undefined },
    look: jest.fn(),
  };
  const memoryMb = jest.fn(() => new Promise(() => undefined));
  const done = () => Promise.resolve();
  const monitor = new ResourceMonitor(
    { list: [session as unknown as Session] } as unknown as Sessions,
    { of: () => ({ memoryMb }) } as unknown as Executors,
    { tokens: done, dollars: done } as unknown as Metering,
    { watch: () => undefined, stop: done } as unknown as Overheads,
    { debug: () => undefined } as unknown as Log,
  );
  monitor.start();
  await eventually(() => Promise.resolve(expect(session.look.mock.calls.length).toBeGreaterThan(1)));
  await monitor.stop();
  expect(memoryMb).toHaveBeenCalledTimes(1);
});

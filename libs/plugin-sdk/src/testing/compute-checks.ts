import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ComputeDriver, ComputeResource, VmSpec } from '../compute-driver.js';
import { type ConformanceCheck, within } from './check.js';
import type { ComputePlatform, ComputeSubject } from './compute-subject.js';

/** One driver with its platform, for one check. */
class Trial {
  readonly installation = randomUUID();
  private readonly slowMs: number;

  constructor(
    private readonly subject: ComputeSubject,
    readonly driver: ComputeDriver,
    readonly platform: ComputePlatform,
    readonly zone: string,
  ) {
    this.slowMs = subject.slowMs ?? 10_000;
  }

  spec(changes: Partial<VmSpec> = {}): VmSpec {
    const id = randomUUID();
    return {
      name: `purser-${this.installation.slice(0, 8)}-${id.slice(0, 8)}`,
      requestId: id,
      zone: this.zone,
      machineType: this.subject.machineType,
      spot: true,
      diskGb: this.subject.diskGb,
      maxRunSeconds: 3600,
      labels: {
        'purser-installation': this.installation,
        'purser-vm': id,
        'purser-component': 'embeddings',
        'purser-expires': String(Math.floor(Date.now() / 1000) + 3600),
      },
      startup: this.subject.startup,
      ...changes,
    };
  }

  create = (spec: VmSpec, signal = never()): Promise<ComputeResource> =>
    within(this.slowMs, 'create()', this.driver.create(spec, { signal }));

  list = (installation = this.installation): Promise<ComputeResource[]> =>
    within(this.slowMs, 'list()', this.driver.list(installation, { signal: never() }));

  get = (vm: Named): Promise<ComputeResource | undefined> =>
    within(this.slowMs, 'get()', this.driver.get({ kind: 'vm', ...vm }, { signal: never() }));

  delete = (vm: Named): Promise<void> =>
    within(this.slowMs, 'delete()', this.driver.delete({ kind: 'vm', ...vm }, { signal: never() }));

  async holds(...names: string[]): Promise<void> {
    assert.deepEqual((await this.platform.inventory()).sort(), names.sort(), 'what is there, by the platform itself');
  }

  async failure(doing: Promise<unknown>): Promise<Error & { kind?: unknown }> {
    const error = await doing.then(() => undefined).catch((reason: unknown) => reason);
    assert.ok(error instanceof Error, 'rejects with an Error');
    assert.doesNotMatch(error.message, /took longer/);
    this.conceals(error.message);
    return error;
  }

  conceals(text: string): void {
    for (const secret of this.subject.secrets ?? []) assert.ok(!text.includes(secret), 'no secret is told');
  }
}

interface Named {
  name: string;
  zone: string;
}

const never = (): AbortSignal => new AbortController().signal;

/** Every rule that the offload-manager relies on in a `compute` driver, so that no VM is made twice and none is forgotten. */
export function computeChecks(subject: ComputeSubject): ConformanceCheck[] {
  const check = (name: string, run: (trial: Trial) => Promise<void>): ConformanceCheck => ({
    name,
    run: async () => {
      const opened = await subject.open();
      try {
        const [zone] = await opened.driver.zones({ signal: never() });
        assert.ok(zone !== undefined, 'there is a zone');
        await run(new Trial(subject, opened.driver, opened.platform, zone));
      } finally {
        await opened.close();
      }
    },
  });

  return [
    check('names its provider in one token', ({ driver }) => {
      assert.match(driver.provider, /^[A-Za-z0-9_-]{1,64}$/);
      assert.ok(driver.place.length > 0, 'says which project or host it looks after');
      return Promise.resolve();
    }),
    check('finds nothing missing where VMs can be made', ({ driver }) => driver.check({ signal: never() })),
    check('tells its zones once each, and what machines there are in one', async ({ driver, zone }) => {
      const zones = await driver.zones({ signal: never() });
      assert.equal(new Set(zones).size, zones.length);
      const types = await driver.machineTypes(zone, { signal: never() });
      assert.ok(types.some(({ name }) => name === subject.machineType));
      for (const { memoryMb, cpus } of types) assert.ok(memoryMb > 0 && cpus > 0, 'with memory and processors');
    }),
    check('makes a VM that runs, and tells of it what it was asked for', async (trial) => {
      const spec = trial.spec();
      for (const vm of [await trial.create(spec), await trial.get(spec)]) {
        assert.ok(vm, 'it is there');
        assert.deepEqual(
          { kind: vm.kind, name: vm.name, zone: vm.zone, state: vm.state, machineType: vm.machineType, spot: vm.spot },
          { kind: 'vm', name: spec.name, zone: spec.zone, state: 'running', machineType: spec.machineType, spot: true },
        );
        for (const [label, value] of Object.entries(spec.labels)) assert.equal(vm.labels[label], value, label);
        assert.ok(Number.isFinite(vm.createdAt.getTime()), 'since when');
        trial.conceals(JSON.stringify(vm));
      }
      assert.ok((await trial.platform.inventory()).includes(spec.name));
    }),
    check('makes one VM, however often and at once it is asked for it', async (trial) => {
      const spec = trial.spec();
      await Promise.all([trial.create(spec), trial.create(spec)]);
      assert.equal((await trial.create(spec)).name, spec.name);
      assert.equal((await trial.create({ ...spec, requestId: randomUUID() })).name, spec.name);
      await trial.holds(spec.name);
    }),
    check('does not take over a VM of that name that is another’s', async (trial) => {
      const theirs = trial.spec();
      await trial.create(theirs);
      for (const label of ['purser-vm', 'purser-installation']) {
        const labels = { ...theirs.labels, [label]: randomUUID() };
        const error = await trial.failure(trial.create({ ...theirs, requestId: randomUUID(), labels }));
        assert.deepEqual([error.name, error.kind], ['ComputeFailed', 'refused']);
      }
      assert.equal((await trial.get(theirs))?.labels['purser-vm'], theirs.labels['purser-vm']);
    }),
    check('lists all of an installation, and nothing of another', async (trial) => {
      const ours = [trial.spec(), trial.spec()];
      const installation = randomUUID();
      const theirs = trial.spec();
      theirs.labels = { ...theirs.labels, 'purser-installation': installation };
      for (const spec of [...ours, theirs]) await trial.create(spec);
      const names = (listed: ComputeResource[]) => listed.filter(({ kind }) => kind === 'vm').map(({ name }) => name);
      assert.deepEqual(names(await trial.list()).sort(), ours.map(({ name }) => name).sort());
      assert.deepEqual(names(await trial.list(installation)), [theirs.name]);
      assert.deepEqual(await trial.list(randomUUID()), []);
    }),
    check('knows of no VM that was never made', async (trial) => {
      assert.equal(await trial.get(trial.spec()), undefined);
    }),
    check('deletes a VM with all that came with it, and takes no harm from doing so again', async (trial) => {
      const [spec, other] = [trial.spec(), trial.spec()];
      await trial.create(spec);
      await trial.create(other);
      await trial.delete(spec);
      await trial.holds(other.name);
      assert.equal(await trial.get(spec), undefined);
      await trial.delete(spec);
      await trial.delete(trial.spec());
      await Promise.all([trial.delete(other), trial.delete(other)]);
      await trial.holds();
      assert.deepEqual(await trial.list(), []);
    }),
    check('finds the VM again whose making was not answered', async (trial) => {
      if (!trial.platform.loseNextReply) return;
      const spec = trial.spec();
      await trial.platform.loseNextReply();
      const first = await trial.create(spec).catch((error: unknown) => error as Error);
      if (first instanceof Error)
        assert.notEqual(first.name, 'ComputeFailed', 'nobody knows that it was not done, so nobody says so');
      assert.equal((await trial.create(spec)).name, spec.name);
      await trial.holds(spec.name);
      await trial.delete(spec);
      await trial.holds();
    }),
    ...(['stockout', 'quota'] as const).map((kind) =>
      check(`says ${kind} when there is nothing to be had, and leaves nothing behind`, async (trial) => {
        if (!trial.platform.exhaust) return;
        await trial.platform.exhaust(kind);
        const error = await trial.failure(trial.create(trial.spec()));
        assert.deepEqual([error.name, error.kind], ['ComputeFailed', kind]);
        await trial.holds();
      }),
    ),
    check('sees that a VM was taken away', async (trial) => {
      const spec = trial.spec();
      await trial.create(spec);
      await trial.platform.take(spec.name);
      assert.equal(await trial.get(spec), undefined);
      assert.deepEqual(await trial.list(), []);
      await trial.delete(spec);
    }),
    check('has the platform end a VM after its longest time, spot or not', async (trial) => {
      if (!trial.platform.pass) return;
      const specs = [true, false].map((spot) => trial.spec({ spot, maxRunSeconds: 900 }));
      for (const spec of specs) await trial.create(spec);
      await trial.platform.pass(950);
      await trial.holds();
      for (const spec of specs) assert.equal(await trial.get(spec), undefined);
    }),
    check('says what is missing and how to mend it when it is refused', async (trial) => {
      await trial.platform.refuse();
      const error = await trial.failure(within(10_000, 'check()', trial.driver.check({ signal: never() })));
      assert.ok(error.message.length > 30, `says what is wrong and how to mend it: "${error.message}"`);
      const refused = await trial.failure(trial.create(trial.spec()));
      assert.equal(refused.name, 'ComputeFailed');
      assert.ok(refused.kind === 'refused' || refused.kind === 'unavailable', `not ${String(refused.kind)}`);
      await trial.holds();
    }),
    check('does not begin what is given up already', async (trial) => {
      const reason = new Error('the service stops');
      await assert.rejects(trial.create(trial.spec(), AbortSignal.abort(reason)), (error) => error === reason);
      await trial.holds();
    }),
    check('gives up as soon as it is told to', async (trial) => {
      if (!trial.platform.hang) return;
      await trial.platform.hang();
      const stop = new AbortController();
      const reason = new Error('the service stops');
      const creating = trial.create(trial.spec(), stop.signal);
      creating.catch(() => undefined);
      stop.abort(reason);
      await assert.rejects(within(5_000, 'giving up', creating), (error) => error === reason);
    }),
  ];
}

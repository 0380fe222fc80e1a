import { FakeApi } from '../testing/fake-api.fixture.js';

const vm = {
  id: '3f9a1c2e7b04',
  name: 'purser-0a1b2c3d-3f9a1c2e7b04',
  provider: 'gcp',
  zone: 'us-central1-a',
  machineType: 'e2-highmem-4',
  spot: true,
  memoryMb: 32_768,
  diskGb: 20,
  component: 'llm',
  state: 'ready',
  reason: 'serves llm in us-central1-a',
  requestedAt: '2026-11-28T10:00:00.000Z',
  createdAt: '2026-11-28T10:00:05.000Z',
  readyAt: '2026-11-28T10:01:00.000Z',
  heardAt: '2026-11-28T10:30:00.000Z',
  expiresAt: '2026-11-28T12:30:00.000Z',
  goneAt: null,
  heldUsd: '0.0725',
  costUsd: '0.0145',
};
const found = {
  provider: 'gcp',
  kind: 'disk',
  name: 'forgotten',
  zone: 'us-east1-b',
  createdAt: '2026-11-20T10:00:00.000Z',
  reason: 'no VM of the records claims this disk',
};

describe('purser vms', () => {
  let api: FakeApi;
  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  it('lists what runs, what it costs at most, and what nobody claims', async () => {
    const stray = { ...found, id: 'a1', firstSeenAt: vm.createdAt, goneAt: null, costUsd: '0.10' };
    api.answers['GET /v1/vms'] = () => [200, { vms: [vm], strays: [stray] }];
    const { code, out } = await api.purser('vms', 'list');
    expect(code).toBe(0);
    expect(out).toMatch(/3f9a1c2e7b04 +llm +ready +gcp us-central1-a +e2-highmem-4 spot .*\$0\.0145 +\$0\.0725/);
    expect(out).toMatch(/1 resource that no VM claims\n.*\n *disk +forgotten +gcp us-east1-b/);
  });

  it('says that there is none', async () => {
    api.answers['GET /v1/vms'] = () => [200, { vms: [], strays: [] }];
    expect((await api.purser('vms', 'list')).out).toBe('There is no VM.\n');
  });

  it('deletes one, and says that it is not gone yet', async () => {
    api.answers[`DELETE /v1/vms/${vm.id}`] = () => [200, { ...vm, state: 'deleting' }];
    const { code, out } = await api.purser('vms', 'delete', vm.id, '--by', 'ada');
    expect(code).toBe(0);
    expect(out).toContain(`${vm.name} is deleting.`);
  });

  it('reaps, and says when what it found is deleted', async () => {
    const looked = { found: [found], secondLookAt: '2026-11-28T10:31:00.000Z', searched: ['gcp'], unsearched: [] };
    api.answers['POST /v1/vms/reap'] = () => [202, looked];
    const { code, out } = await api.purser('vms', 'reap');
    expect(code).toBe(0);
    expect(out).toMatch(/disk +forgotten/);
    expect(out).toContain('looked at again at 2026-11-28');
    api.answers['POST /v1/vms/reap'] = () => [202, { ...looked, found: [] }];
    expect((await api.purser('vms', 'reap')).out).toBe('Nothing was found at gcp.\n');
  });

  it('says where it could not look, which is no success', async () => {
    const nothing = { found: [], secondLookAt: '2026-11-28T10:31:00.000Z', searched: [], unsearched: [] };
    api.answers['POST /v1/vms/reap'] = () => [
      202,
      { ...nothing, unsearched: [{ provider: 'gcp', reason: 'no rights' }] },
    ];
    const { code, out } = await api.purser('vms', 'reap');
    expect([code, out]).toEqual([1, 'gcp could not be searched: no rights. It is tried again by itself.\n']);
    api.answers['POST /v1/vms/reap'] = () => [202, nothing];
    expect((await api.purser('vms', 'reap')).out).toContain('nothing was searched');
  });
});

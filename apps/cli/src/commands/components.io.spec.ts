import { FakeApi } from '../testing/fake-api.fixture.js';

const component = {
  name: 'embedder',
  kind: 'service',
  source: 'components.json',
  image: 'example/embedder:1',
  place: 'vm',
  vm: 'v1',
  weight: 61.5,
  priority: 'high',
  memoryMb: 1200.4,
  evidence: 'measured',
  stays: null,
};
const profile = {
  evidence: 'measured',
  memoryMb: 1200.4,
  startSeconds: 2,
  cpuSeconds: null,
  heavyImports: [],
  imports: 3,
  classes: 1,
  sourceBytes: 10,
  executable: null,
  note: null,
  profiledAt: '2026-11-28T10:00:00.000Z',
};
const full = {
  ...component,
  profile,
  parts: [{ part: 'memory', points: 56.47, of: 80, because: '1200.4 MB, where 500 MB is heavy' }],
  explanation: ['It can move to a VM; its priority is high.'],
};

describe('purser components', () => {
  let api: FakeApi;
  beforeAll(async () => {
    api = await FakeApi.open();
  });
  afterAll(() => api.close());
  beforeEach(() => api.reset());

  it('lists them, as many as are wanted, and what is wrong', async () => {
    const other = {
      ...component,
      name: 'voice.coreml',
      place: 'local',
      vm: null,
      weight: null,
      memoryMb: null,
      evidence: null,
    };
    api.answers['GET /v1/components'] = () => [200, { components: [component, other], problems: ['a is there twice'] }];
    const { code, out } = await api.purser('components', 'list');
    expect(code).toBe(0);
    expect(out).toMatch(/embedder +service +vm v1 +61\.5 +high +1,200 MB +measured\n/);
    expect(out).toMatch(/voice\.coreml +service +local +\? +high +\? +-\n/);
    expect(out).toContain('a is there twice');
    const { out: first } = await api.purser('components', 'list', '--limit', '1');
    expect(first).not.toContain('voice.coreml');
    expect(first).toContain('1 more');
  });

  it('points to the guide when there are none', async () => {
    api.answers['GET /v1/components'] = () => [200, { components: [], problems: [] }];
    expect((await api.purser('components', 'list')).out).toContain('docs/guides/offload.md');
  });

  it('explains one by the parts of its weight', async () => {
    api.answers['GET /v1/components/embedder'] = () => [200, full];
    const { out } = await api.purser('components', 'explain', 'embedder');
    expect(out).toMatch(/memory +56\.5 +80 +1200\.4 MB, where 500 MB is heavy/);
    expect(out).toContain('It can move to a VM; its priority is high.');
    expect(JSON.parse((await api.purser('components', 'explain', 'embedder', '--json')).out)).toEqual(full);
  });

  it('has one profiled, and shows what came of it when it is there', async () => {
    api.answers['POST /v1/components/embedder/profile'] = () => [
      202,
      { name: 'embedder', askedAt: '2026-11-29T10:00:00.000Z' },
    ];
    let asked = 0;
    api.answers['GET /v1/components/embedder'] = () => {
      asked += 1;
      const profiledAt = asked === 1 ? profile.profiledAt : '2026-11-29T10:00:01.000Z';
      return [200, { ...full, profile: { ...profile, profiledAt } }];
    };
    expect(await api.purser('components', 'profile', 'embedder')).toMatchObject({ code: 0 });
    expect(asked).toBe(2);
  });

  it('has them looked for now, and says what has changed', async () => {
    const nothing = { known: 2, added: [], changed: [], removed: [], problems: [] };
    api.answers['POST /v1/components/discover'] = () => [200, nothing];
    expect((await api.purser('components', 'discover')).out).toBe('Nothing has changed.\n2 components in all.\n');
    const some = { ...nothing, added: ['ocr', 'tts'], removed: ['embedder'], problems: ['llm is there twice'] };
    api.answers['POST /v1/components/discover'] = () => [200, some];
    expect((await api.purser('components', 'discover')).out).toBe(
      'new: ocr, tts\ngone: embedder\n2 components in all.\nllm is there twice\n',
    );
    expect(JSON.parse((await api.purser('components', 'discover', '--json')).out)).toEqual(some);
  });

  describe('by hand', () => {
    const move = {
      id: 'm1',
      component: 'embedder',
      direction: 'to_vm',
      step: 'starting',
      vm: null,
      reason: 'the nightly run',
      error: null,
      createdAt: '2026-11-29T10:00:00.000Z',
      stepAt: '2026-11-29T10:00:01.000Z',
    };

    it('has one moved to a VM, by default to the cheapest that will do', async () => {
      api.answers['POST /v1/components/embedder/offload'] = () => [202, move];
      const { code, out } = await api.purser('components', 'offload', 'embedder');
      expect(code).toBe(0);
      expect(out).toContain('embedder goes to a VM.');
      const choice = ['--machine-type', 'e2-highmem-4', '--regular', '--reason', 'the nightly run'];
      await api.purser('components', 'offload', 'embedder', ...choice);
      expect(api.seen.map(({ body }) => body)).toEqual([
        { spot: true, reason: 'asked for by a person' },
        { machineType: 'e2-highmem-4', spot: false, reason: 'the nightly run' },
      ]);
    });

    it('has one brought home, and says why one does not go', async () => {
      api.answers['POST /v1/components/embedder/recall'] = () => [202, { ...move, direction: 'home', vm: 'v1' }];
      expect((await api.purser('components', 'recall', 'embedder')).out).toContain('embedder goes home.');
      const problem = { error: { code: 'conflict', message: 'embedder is at home' } };
      api.answers['POST /v1/components/embedder/recall'] = () => [409, problem];
      const refused = await api.purser('components', 'recall', 'embedder');
      expect(refused.code).not.toBe(0);
      expect(refused.err).toContain('embedder is at home');
    });

    it('lists the moves with what became of them', async () => {
      const failed = { ...move, id: 'm2', step: 'failed', vm: 'v2', error: 'its VM is gone' };
      const stuck = {
        ...move,
        id: 'm3',
        step: 'done',
        vm: 'v3',
        error: 'it serves there, and could not be stopped here',
      };
      api.answers['GET /v1/offload/moves'] = () => [200, { moves: [move, failed, stuck] }];
      const { out } = await api.purser('components', 'moves');
      expect(out).toMatch(/embedder +to a VM +starting .* - +the nightly run\n/);
      expect(out).toMatch(/embedder +to a VM +failed .* v2 +the nightly run; it stays: its VM is gone\n/);
      expect(out).toMatch(
        /embedder +to a VM +done .* v3 +the nightly run; it serves there, and could not be stopped here/,
      );
    });
  });
});

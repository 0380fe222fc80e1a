// Specs run as CommonJS through swc; workspace packages are mapped to their sources, so no build is needed first.
const swc = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true, dynamicImport: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
    target: 'es2023',
    keepClassNames: true,
  },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
};

const base = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: {
    '^@purser/(agent|contracts|money|bus|database|service|plugin-sdk|plugin-host|embedded|guard|docker-gate|program-session|testing)$':
      '<rootDir>/libs/$1/src/index.ts',
    '^@purser/(plugin-sdk|docker-gate)/testing$': '<rootDir>/libs/$1/src/testing/index.ts',
    '^@purser/(anthropic|anthropic-costs|aws-costs|chat|command|container|desktop|docker-compute|file-costs|gcp-billing|gcp-compute|github-billing|github-issue|google-speech|huggingface|ollama|openai|openai-costs|smtp|webhook)$':
      '<rootDir>/plugins/$1/src/index.ts',
    '^@purser/(orchestrator|cost-watchdog|model-gateway|agent-runner|offload-manager|cli|demo|docker-stopper|vm-agent)$':
      '<rootDir>/apps/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': ['$1.js', '$1.ts'],
  },
  modulePathIgnorePatterns: ['/dist/', '/.purser/'],
};

// A folder for the servers of a run, made and removed around it; runs of fast specs alone go without.
const servers = {
  globalSetup: '<rootDir>/libs/testing/src/jest/begin-run.mjs',
  globalTeardown: '<rootDir>/libs/testing/src/jest/end-run.mjs',
};

const io = ['\\.(db|bus|io)\\.spec\\.ts$', '\\.e2e\\.spec\\.ts$'];

export default {
  // Real servers start slowly on a busy machine; what hangs is found all the same.
  testTimeout: 60_000,
  // Suites wait for servers and clocks more than they compute; by default one core would be left idle.
  maxWorkers: '100%',
  // Each suite loads its modules anew, and they stay: hundreds of them in one process fill its heap.
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...base,
      displayName: 'fast',
      testMatch: ['<rootDir>/{apps,libs,plugins}/*/src/**/*.spec.ts'],
      testPathIgnorePatterns: io,
    },
    {
      ...base,
      ...servers,
      displayName: 'io',
      testMatch: ['<rootDir>/{apps,libs,plugins}/*/src/**/*.{db,bus,io}.spec.ts'],
    },
    { ...base, ...servers, displayName: 'e2e', testMatch: ['<rootDir>/test/**/*.e2e.spec.ts'] },
  ],
};

import base from './jest.config.mjs';

// The containers, seen through their published ports. Needs a Docker engine with compose v2; `npm test` does without.
const [fast] = base.projects;

export default {
  ...fast,
  displayName: 'compose',
  testMatch: ['<rootDir>/test/compose/**/*.compose.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};

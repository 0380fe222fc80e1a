import base from './jest.config.mjs';

// The containers, seen through their published ports. Needs a Docker engine with compose v2; `npm test` does without.
const [, io] = base.projects;

export default {
  ...io,
  displayName: 'compose',
  testMatch: ['<rootDir>/test/compose/**/*.compose.spec.ts'],
};

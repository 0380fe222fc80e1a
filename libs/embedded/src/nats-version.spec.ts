import { compareVersions } from './nats-version.js';

describe('compareVersions', () => {
  it.each([
    ['2.10.0', '2.9.10', 1],
    ['2.8.4', '2.9', -1],
    ['2.9.0', '2.9', 0],
    ['2.14.0-RC.1', '2.14.0', 0],
    ['3.0.0', '2.99.99', 1],
  ])('%s against %s', (a, b, sign) => {
    expect(Math.sign(compareVersions(a, b))).toBe(sign);
  });
});

import { requestFor, wishOf } from './rules.js';

const ID = 'a1'.repeat(32);

describe('what is let through', () => {
  it.each([
    ['GET', '/containers/json', '', '/containers/json?all=false'],
    ['GET', '/v1.45/containers/json?all=true&filters=%7B%7D', '', '/containers/json?all=true'],
    ['GET', `/containers/${ID}/json?size=1`, '', `/containers/${ID}/json`],
    ['POST', `/v1.44/containers/${ID}/stop?t=3`, '', `/containers/${ID}/stop?t=3`],
    ['POST', `/containers/${ID}/stop?t=999999`, '', `/containers/${ID}/stop?t=600`],
    ['POST', `/containers/${ID}/stop?t=-1`, '', `/containers/${ID}/stop?t=10`],
    ['POST', `/containers/${ID}/kill`, '', `/containers/${ID}/kill?signal=SIGKILL`],
    ['POST', `/containers/${ID}/kill?signal=SIGKILL`, '', `/containers/${ID}/kill?signal=SIGKILL`],
    ['POST', `/containers/${ID}/update`, '{"RestartPolicy":{"Name":"no"}}', `/containers/${ID}/update`],
  ])('%s %s', (method, target, body, path) => {
    const wish = wishOf(method, target, body);
    expect(wish && requestFor(wish).path).toBe(path);
  });

  it('asks for starts of containers alone, whatever events were asked for', () => {
    const wish = wishOf('GET', '/events?filters=%7B%22type%22%3A%5B%22secret%22%5D%7D', '');
    const { path } = requestFor(wish!);
    expect(JSON.parse(decodeURIComponent(path.split('filters=')[1]!))).toEqual({
      type: ['container'],
      event: ['start', 'unpause', 'restart'],
    });
  });
});

describe('what is refused', () => {
  it.each([
    ['POST', '/containers/create', '{"Image":"x"}'],
    ['POST', `/containers/${ID}/start`, ''],
    ['POST', `/containers/${ID}/exec`, '{}'],
    ['DELETE', `/containers/${ID}`, ''],
    ['GET', `/containers/${ID}/logs?stdout=1`, ''],
    ['GET', `/containers/${ID}/archive?path=/`, ''],
    ['GET', '/images/json', ''],
    ['GET', '/info', ''],
    ['POST', '/build', ''],
    ['GET', '/containers/../images/json', ''],
    ['GET', '//containers/json', ''],
    ['GET', 'http://elsewhere/containers/json', ''],
    ['GET', `/containers/${ID}/json/../../create`, ''],
    ['GET', '/containers/some-name/json', ''],
    ['HEAD', '/containers/json', ''],
    ['POST', `/containers/${ID}/kill?signal=SIGUSR1`, ''],
    ['POST', `/containers/${ID}/update`, '{"RestartPolicy":{"Name":"always"}}'],
    ['POST', `/containers/${ID}/update`, '{"RestartPolicy":{"Name":"no"},"Memory":1}'],
    ['POST', `/containers/${ID}/update`, 'null'],
    ['POST', `/containers/${ID}/update`, 'nonsense'],
  ])('%s %s %s', (method, target, body) => {
    expect(wishOf(method, target, body)).toBeUndefined();
  });
});

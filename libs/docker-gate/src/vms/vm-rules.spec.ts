import { asking, isVmName, vmWishOf } from './vm-rules.js';

const ID = 'a1'.repeat(32);
const filtered = (filters: object) =>
  `/containers/json?all=true&filters=${encodeURIComponent(JSON.stringify(filters))}`;

describe('what a gate for VMs understands', () => {
  it.each<[string, string, object]>([
    ['GET', '/v1.45/info', { do: 'info' }],
    [
      'POST',
      '/containers/create?name=purser-0a1b2c3d-1-agent&Image=x',
      { do: 'create', name: 'purser-0a1b2c3d-1-agent' },
    ],
    ['GET', '/containers/purser-0a1b2c3d-1/json', { do: 'inspect', of: 'purser-0a1b2c3d-1' }],
    ['POST', `/containers/${ID}/start`, { do: 'start', of: ID }],
    ['POST', '/containers/embedder/stop?t=600', { do: 'stop', of: 'embedder' }],
    ['GET', `/containers/${ID}/stats?stream=false`, { do: 'stats', of: ID }],
    ['DELETE', `/containers/${ID}?force=true&v=true`, { do: 'remove', of: ID }],
    ['GET', filtered({ label: ['purser.component'] }), { do: 'list-components' }],
    [
      'GET',
      filtered({ label: ['purser.managed=true', 'purser-installation=i'] }),
      { do: 'list-vms', labels: ['purser.managed=true', 'purser-installation=i'] },
    ],
    ['GET', '/images/python:3.13/json', { do: 'image', name: 'python:3.13' }],
    ['POST', '/images/create?fromImage=python&tag=3.13', { do: 'pull', name: 'python:3.13' }],
  ])('%s %s', (method, target, wish) => {
    expect(vmWishOf(method, target)).toEqual(wish);
  });

  it.each([
    ['POST', '/containers/create'],
    ['POST', '/containers/create?name=nats'],
    ['POST', '/containers/create?name=purser-nats-1'],
    ['POST', '/containers/create?name=purser-a%26x'],
    ['POST', `/containers/${ID}/exec`],
    ['POST', `/containers/${ID}/update`],
    ['POST', `/containers/${ID}/rename?name=x`],
    ['POST', `/containers/${ID}/attach`],
    ['POST', `/containers/${ID}/kill`],
    ['GET', `/containers/${ID}/logs`],
    ['GET', `/containers/${ID}/archive`],
    ['GET', `/containers/${ID}%2f..%2f..%2finfo/json`],
    ['GET', filtered({ label: ['com.example.secret'] })],
    ['GET', filtered({ name: ['x'] })],
    ['GET', filtered({ label: ['purser.component', 'purser.managed=true'] })],
    ['POST', '/images/create?fromSrc=-'],
    ['GET', '/events'],
    ['GET', '/volumes'],
    ['POST', '/networks/create'],
    ['POST', '/build'],
  ])('not %s %s', (method, target) => {
    expect(vmWishOf(method, target)).toBeUndefined();
  });

  it('has its own label in every list of VMs, and its own time in every stop', () => {
    expect(decodeURIComponent(asking.vms('mine', ['purser.managed=true']).path)).toContain(
      '{"label":["purser.vm-gate=mine","purser.managed=true"]}',
    );
    expect(asking.one({ do: 'stop', of: ID })).toMatchObject({ path: `/containers/${ID}/stop?t=10` });
  });

  it('knows the names of VMs', () => {
    expect(['purser-0a1b2c3d-1', 'purser-0a1b2c3d-1-agent'].every(isVmName)).toBe(true);
    const others = ['postgres', 'purser', 'purser-nats-1', 'purser-0a1b2c3d', 'purser-0a1b2c3d-nats-1', 'purser-vms-1'];
    expect([...others, `purser-0a1b2c3d-${'a'.repeat(60)}`].some(isVmName)).toBe(false);
  });
});

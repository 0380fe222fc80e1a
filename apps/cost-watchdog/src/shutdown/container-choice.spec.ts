import { containerChoice, type ContainerSeen, pricePerHour } from './container-choice.js';
import { EmergencyFile } from './emergency-file.js';

const seen = (name: string, labels: Record<string, string> = {}): ContainerSeen => ({
  id: `${name}-id`,
  name,
  image: 'i',
  state: 'running',
  labels,
});
const OWN = { id: 'watchdog-id', project: 'purser' };

const verdict = (docker: object, container: ContainerSeen, own: Parameters<typeof containerChoice>[1] = OWN) =>
  containerChoice(EmergencyFile.parse({ docker }).docker, own)(container).verdict;

describe('choosing containers', () => {
  const labelled = { mode: 'labelled' };
  const all = { mode: 'all' };
  const stop = { 'purser.stop': 'true' };
  const purser = { 'com.docker.compose.project': 'purser' };

  it.each([
    ['a labelled one', labelled, seen('a', stop), 'stop'],
    ['one whose label says otherwise', labelled, seen('a', { 'purser.stop': 'false' }), 'left'],
    ['any value, where the value does not matter', { label: 'job' }, seen('a', { job: 'x=y' }), 'stop'],
    ['a value with = in it', { label: 'job=x=y' }, seen('a', { job: 'x=y' }), 'stop'],
    ['any other', labelled, seen('a'), 'left'],
    ['any other, in all', all, seen('a'), 'stop'],
    ['the one it runs in, though labelled', labelled, seen('watchdog', stop), 'protected'],
    ['its own project, in all', all, seen('a', purser), 'protected'],
    ['its own project, when that is labelled', all, seen('a', { ...purser, ...stop }), 'stop'],
    ['a protected one, though labelled', all, seen('a', { ...stop, 'purser.protect': 'yes' }), 'protected'],
    ['one that is said not to be protected', all, seen('a', { 'purser.protect': 'false' }), 'stop'],
    ['a protected name', { ...all, protect: ['back*'] }, seen('backup', stop), 'protected'],
  ])('%s', (_, docker, container, expected) => {
    expect(verdict(docker, container)).toBe(expected);
  });

  it('spares no project for being unnamed when it runs in no container itself', () => {
    expect(verdict(all, seen('a'), { id: undefined, project: undefined })).toBe('stop');
  });
});

it('believes prices that are amounts', () => {
  const price = (text: string) => pricePerHour({ 'purser.usd-per-hour': text });
  expect(['1.5', '0', '-1', 'lots', ''].map(price)).toEqual(['1.5', '0', null, null, null]);
  expect(pricePerHour({})).toBeNull();
});

import { isThisMachine } from './address.js';

it.each([
  'unix:///var/run/docker.sock',
  'tcp://127.0.0.1:2375',
  'tcp://localhost:2375',
  'https://LOCALHOST:2376',
  'http://host.docker.internal:2375',
  'tcp://[::1]:2375',
  '127.0.0.1:2375',
])('takes %s for this machine', (place) => {
  expect(isThisMachine(place)).toBe(true);
});

it.each([
  'tcp://10.0.0.5:2375',
  'https://docker.example.com:2376',
  'ssh://me@build-host',
  'tcp://localhost.example.com:1',
])('takes %s for another one', (place) => {
  expect(isThisMachine(place)).toBe(false);
});

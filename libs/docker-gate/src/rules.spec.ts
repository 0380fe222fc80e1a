import { requestFor, wishOf } from './rules.js';

const ID = 'a1'.repeat(32);

describe('what a gate understands', () => {
  it.each<[string, string, object]>([
    ['POST', '/v1.45/containers/create', { do: 'create' }],
    ['POST', `/containers/${ID}/watch?for=5000`, { do: 'watch', id: ID, forMs: 5000 }],
    ['POST', `/containers/${ID}/watch?for=999999999`, { do: 'watch', id: ID, forMs: 120_000 }],
    ['POST', `/containers/${ID}/kill?signal=SIGTERM`, { do: 'kill', id: ID, signal: 'SIGTERM' }],
    ['DELETE', `/containers/${ID}?force=true`, { do: 'remove', id: ID }],
    ['GET', `/containers/${ID}/logs?follow=1`, { do: 'logs', id: ID }],
    ['GET', '/images/python:3.13/json', { do: 'image', name: 'python:3.13' }],
    ['POST', '/images/create?fromImage=python&tag=3.13', { do: 'pull', name: 'python:3.13' }],
  ])('%s %s', (method, target, wish) => {
    expect(wishOf(method, target)).toEqual(wish);
  });

  it.each([
    ['POST', `/containers/${ID}/exec`],
    ['POST', `/containers/${ID}/attach`],
    ['POST', `/containers/${ID}/update`],
    ['PUT', `/containers/${ID}/archive`],
    ['POST', `/containers/${ID}/kill?signal=SIGSTOP`],
    ['POST', `/containers/${ID}/watch`],
    ['GET', `/containers/${ID}/archive`],
    ['GET', '/containers/name/json'],
    ['GET', `/containers/${ID}/json/../../../images/json`],
    ['GET', `/containers/${ID}%2f..%2f..%2finfo`],
    ['POST', '/images/create?fromSrc=-'],
    ['POST', '/images/create?fromImage=..%2f..%2fx'],
    ['POST', '/build'],
    ['POST', `/containers/${ID}/stop`],
    ['GET', '/containers/json'],
    ['GET', '/events'],
    ['GET', '/info'],
    ['GET', '/volumes'],
    ['POST', '/networks/create'],
    ['DELETE', '/images/python'],
  ])('not %s %s', (method, target) => {
    expect(wishOf(method, target)).toBeUndefined();
  });

  it('asks the engine for nothing that the caller wrote', () => {
    const wish = wishOf('DELETE', `/v1.44/containers/${ID}?force=false&link=1`);
    expect(requestFor(wish as never, 'mine')).toMatchObject({ path: `/containers/${ID}?force=1&v=1` });
    expect(requestFor({ do: 'pull', name: 'localhost:5000/x' }, 'mine').path).toBe(
      '/images/create?fromImage=localhost%3A5000%2Fx%3Alatest',
    );
  });
});

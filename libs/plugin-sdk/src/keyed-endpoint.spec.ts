import { keyedEndpoint, type KeyedProvider } from './keyed-endpoint.js';

const acme: KeyedProvider = {
  baseUrl: 'https://api.acme.example/v1',
  baseUrlEnv: 'ACME_BASE_URL',
  example: 'http://127.0.0.1:8000/v1',
  keyEnv: 'ACME_API_KEY',
  isOwn: (host) => host === 'api.acme.example',
};
const ELSEWHERE = 'https://else.example/v1';

const at = (given: { baseUrl?: string; keyEnv?: string }, secrets: Record<string, string> = {}) =>
  keyedEndpoint(
    acme,
    { baseUrl: given.baseUrl, keyEnv: given.keyEnv },
    { secret: (name) => ({ ACME_API_KEY: 'own', OTHER: 'other', ...secrets })[name] },
  );

it.each([
  ['the provider itself', at({}), acme.baseUrl, 'own'],
  ['the provider itself, by configuration', at({ baseUrl: acme.baseUrl }), acme.baseUrl, 'own'],
  ['another server, by the environment', at({}, { ACME_BASE_URL: ELSEWHERE }), ELSEWHERE, 'own'],
  ['another server, by configuration', at({ baseUrl: ELSEWHERE }), ELSEWHERE, undefined],
  ['another server with a key of its own', at({ baseUrl: ELSEWHERE, keyEnv: 'OTHER' }), ELSEWHERE, 'other'],
  ['a host that only looks like it', at({ baseUrl: 'https://api.acme.example.evil/v1' }), undefined, undefined],
])('gives %s the key that is meant for it', (_, endpoint, baseUrl, key) => {
  expect(endpoint.key).toBe(key);
  if (baseUrl !== undefined) expect(endpoint.baseUrl).toBe(baseUrl);
});

it('needs a key where no call can succeed without one', () => {
  expect(at({}).keyRequired).toBe(true);
  expect(at({ baseUrl: ELSEWHERE }).keyRequired).toBe(false);
  expect(at({ baseUrl: ELSEWHERE, keyEnv: 'OTHER' }).keyRequired).toBe(true);
});

it('shows an address without what is secret in it, and refuses what is none', () => {
  expect(at({ baseUrl: 'https://user:password@else.example/v1' }).shown).toBe(ELSEWHERE);
  for (const ACME_BASE_URL of ['else.example', 'ftp://else.example'])
    expect(() => at({}, { ACME_BASE_URL })).toThrow(
      'ACME_BASE_URL is not an http or https URL such as "http://127.0.0.1:8000/v1"',
    );
});

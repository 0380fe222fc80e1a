import { localEnvironment, remoteEnvironment, withoutCredentials } from './git-environment.js';
import { onGitHub, refuseAddress } from './repository-address.js';

describe('addresses', () => {
  it.each([
    'https://github.com/acme/shop.git',
    'https://ada@github.com/acme/shop.git',
    'ssh://git@github.com/acme/shop',
    'git@github.com:acme/shop.git',
    'file:///srv/shop.git',
    '/srv/shop.git',
  ])('%s is taken', (address) => expect(refuseAddress(address, [])).toBeUndefined());

  it.each([
    ['https://ada:pw@github.com/acme/shop.git', 'password'],
    ['ext::sh -c id', 'no address'],
    ['ftp://forge.example/shop', 'not allowed'],
    ['--upload-pack=id', 'neither'],
    ['shop', 'neither'],
    ['/srv/a\nb', 'no address'],
  ])('%s is refused', (address, why) => expect(refuseAddress(address, [])).toContain(why));

  it('are held against what the runner allows', () => {
    const allowed = ['https://github.com/acme/', '/srv/'];
    expect(refuseAddress('https://github.com/acme/shop', allowed)).toBeUndefined();
    expect(refuseAddress('https://github.com/evil/shop', allowed)).toContain('takes only what begins with');
  });

  it.each([
    ['https://github.com/acme/shop.git', 'https://api.github.com'],
    ['git@github.com:acme/shop.git', 'https://api.github.com'],
    ['ssh://git@forge.example/acme/shop/', 'https://forge.example/api/v3'],
    ['git://127.0.0.1:9418/acme/shop.git', 'http://127.0.0.1:3000'],
  ])('%s is on the GitHub of %s', (address, api) =>
    expect(onGitHub(address, api)).toEqual({ owner: 'acme', repo: 'shop' }),
  );

  it.each(['https://gitlab.example/acme/shop', '/srv/acme/shop.git', 'https://github.com/acme', 'file:///acme/shop'])(
    '%s is not on github.com',
    (address) => expect(onGitHub(address, 'https://api.github.com')).toBeUndefined(),
  );
});

describe('what git gets of the environment', () => {
  const own = {
    PATH: '/bin',
    HOME: '/home/ada',
    GIT_DIR: '/elsewhere',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'a.b',
    GIT_CONFIG_VALUE_0: 'c',
    OPENAI_API_KEY: 'sk-secret',
    PURSER_DATABASE_URL: 'postgres://secret',
  };

  it('is what it needs for credentials, and no secret of Purser’s', () => {
    const text = JSON.stringify(remoteEnvironment(own, undefined));
    expect(text).toContain('/home/ada');
    for (const absent of ['/elsewhere', 'sk-secret', 'postgres']) expect(text).not.toContain(absent);
    expect(JSON.stringify(localEnvironment('/bin'))).not.toContain('/home/ada');
  });

  it('is a token as a header for one host, beside the settings that are there', () => {
    expect(remoteEnvironment(own, { host: 'github.com', token: 'ghp_x' })).toMatchObject({
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'a.b',
      GIT_CONFIG_KEY_1: 'http.https://github.com/.extraHeader',
      GIT_CONFIG_VALUE_1: `Authorization: Basic ${Buffer.from('x-access-token:ghp_x').toString('base64')}`,
    });
  });

  it('does not come back in what it says', () => {
    expect(withoutCredentials('fatal: https://ada:pw@forge.example/x ghp_x', ['ghp_x', undefined])).toBe(
      'fatal: https://forge.example/x ***',
    );
  });
});

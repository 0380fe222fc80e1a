import { withoutSecrets } from './without-secrets.js';

it('hides what variables and headers hold, wherever they stand, and nothing else', () => {
  const input = {
    argv: ['work', '--fast'],
    env: { TOKEN: 'a-secret' },
    mcpServers: {
      one: { command: 'server', args: ['x'], env: { KEY: 'another' } },
      two: { url: 'https://example.org', headers: { Authorization: 'Bearer third' } },
    },
  };
  expect(withoutSecrets(input)).toEqual({
    argv: ['work', '--fast'],
    env: { TOKEN: '[hidden]' },
    mcpServers: {
      one: { command: 'server', args: ['x'], env: { KEY: '[hidden]' } },
      two: { url: 'https://example.org', headers: { Authorization: '[hidden]' } },
    },
  });
  expect(withoutSecrets({ env: 'whole' })).toEqual({ env: '[hidden]' });
  expect(withoutSecrets(null)).toBeNull();
});

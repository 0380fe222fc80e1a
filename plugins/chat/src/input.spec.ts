import { ChatInput } from './input.js';
import plugin from './index.js';

const problem = (input: object): string =>
  ChatInput.safeParse({ goal: 'x', ...input })
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    .join('; ') ?? '';

describe('the input of a chat task', () => {
  it('needs a goal alone, and asks for no tools by itself', () => {
    expect(ChatInput.parse({ goal: 'fix the build' })).toEqual({
      goal: 'fix the build',
      model: 'code_generation',
      tools: { files: false, shell: false },
      mcpServers: {},
      maxTurns: 200,
    });
  });

  it.each([
    [{ goal: '' }, /goal: must say what is to be done/],
    [{ tool: {} }, /tool/],
    [{ tools: { files: 'write' } }, /tools.files/],
    [{ tools: { network: true } }, /network/],
    [{ maxTurns: 0 }, /maxTurns/],
    [{ mcpServers: { 'a b': { command: 'x' } } }, /mcpServers/],
    [{ mcpServers: { a: { command: 'x', url: 'http://y' } } }, /a server is \{"command"/],
    [{ mcpServers: { a: { url: 'file:///etc/passwd' } } }, /an address, such as/],
    [{ mcpServers: { a: { command: 'x', env: { 'A=B': '1' } } } }, /a server is|variable/],
  ])('refuses %j', (input, told) => {
    expect(problem(input)).toMatch(told);
  });
});

describe('the configuration of the plugin', () => {
  it('needs nothing, and lets no variable of Purser’s through', () => {
    expect(plugin.config.parse({})).toEqual({ inherit: [] });
    expect(plugin.config.safeParse({ inherit: ['PURSER_DATABASE_URL'] }).success).toBe(false);
    expect(plugin.name).toBe('chat');
  });
});

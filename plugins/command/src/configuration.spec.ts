import plugin from './index.js';

describe('the configuration of the plugin', () => {
  it('needs nothing, and lets no variable of Purser’s through', () => {
    expect(plugin.config.parse({})).toEqual({ inherit: [] });
    expect(plugin.config.safeParse({ inherit: ['PURSER_DATABASE_URL'] }).success).toBe(false);
    expect(plugin.config.safeParse({ users: {} }).success).toBe(false);
    expect(plugin.name).toBe('command');
  });
});

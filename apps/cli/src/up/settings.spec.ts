import { doubledPorts, parseSettings, portUses } from './settings.js';

describe('settings of purser up', () => {
  it('binds the documented ports on the loopback address', () => {
    const uses = portUses(parseSettings({}));
    expect(Object.fromEntries(uses.map(({ what, port }) => [what, port]))).toEqual({
      'model-gateway': 8080,
      orchestrator: 8081,
      'cost-watchdog': 8082,
      'agent-runner': 8083,
      'offload-manager': 8084,
      'nats-server': 4222,
      Postgres: 5433,
    });
    expect(new Set(uses.map(({ host }) => host))).toEqual(new Set(['127.0.0.1']));
  });

  it('needs no port for servers that are there already', () => {
    const uses = portUses(
      parseSettings({ PURSER_NATS_URL: 'nats://127.0.0.1:4222', PURSER_DATABASE_URL: 'postgres://127.0.0.1/purser' }),
    );
    expect(uses.map(({ what }) => what)).not.toEqual(expect.arrayContaining(['nats-server']));
    expect(uses).toHaveLength(5);
  });

  it('names the variable that is wrong, and two that collide', () => {
    expect(() => parseSettings({ PURSER_API_PORT: 'eighty' })).toThrow(/PURSER_API_PORT is not valid: expected a port/);
    expect(doubledPorts(parseSettings({ PURSER_API_PORT: '8080' }))).toEqual([
      expect.stringMatching(/PURSER_GATEWAY_PORT and PURSER_API_PORT/),
    ]);
  });

  it('lets several ports be chosen by the system', () => {
    expect(doubledPorts(parseSettings({ PURSER_API_PORT: '0', PURSER_GATEWAY_PORT: '0' }))).toEqual([]);
  });
});

import { natsConfigText, type NatsConfig } from './nats-config.js';

const config: NatsConfig = {
  host: '127.0.0.1',
  port: 4222,
  serverName: 'n',
  storeDir: '/data/a b',
  pidFile: '/data/nats.pid',
  portsFileDir: '/data',
  maxPayloadBytes: 8_388_608,
  authorization: undefined,
};

describe('natsConfigText', () => {
  it('binds the host it is told and turns JetStream on', () => {
    const text = natsConfigText(config);
    expect(text).toContain('host: "127.0.0.1"\nport: 4222\n');
    expect(text).toContain('store_dir: "/data/a b"');
    expect(text).toContain('max_payload: 8388608');
    expect(text).not.toContain('authorization');
  });

  it('turns an empty list into a deny, since the server reads an empty allow as no limit', () => {
    const permissions = { publish: [], subscribe: ['a.>', 'b'] };
    const text = natsConfigText({ ...config, authorization: { users: [{ user: 'u', password: 'p', permissions }] } });
    expect(text).toContain('publish: { deny: [">"] }');
    expect(text).toContain('subscribe: { allow: ["a.>", "b"] }');
  });

  it('keeps a password with quotes in one string', () => {
    const permissions = { publish: ['x'], subscribe: ['x'] };
    const authorization = { users: [{ user: 'u', password: 'a"b\\c$d', permissions }] };
    expect(natsConfigText({ ...config, authorization })).toContain('password: "a\\"b\\\\c$d"\n');
  });

  it('refuses control characters', () => {
    expect(() => natsConfigText({ ...config, storeDir: '/a\nport: 1' })).toThrow(TypeError);
  });
});

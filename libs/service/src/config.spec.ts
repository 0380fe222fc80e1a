import { PurserError } from '@purser/contracts';
import { z } from 'zod';
import { milliseconds, parseConfig, port, serviceSettings } from './config.js';

const schema = z.object({ ...serviceSettings, PURSER_API_PORT: port(8081), PURSER_LEASE_MS: milliseconds(8_000) });
const right = {
  PURSER_NATS_URL: 'nats://user:pass@127.0.0.1:4222',
  PURSER_DATABASE_URL: 'postgres://user:pass@127.0.0.1:5432/purser',
};

function complaint(env: Record<string, string>): string {
  try {
    parseConfig(schema, { ...right, ...env });
  } catch (error) {
    expect(error).toBeInstanceOf(PurserError);
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

describe('configuration', () => {
  it('fills in what is not said', () => {
    expect(parseConfig(schema, right)).toMatchObject({
      PURSER_API_PORT: 8081,
      PURSER_LEASE_MS: 8_000,
      PURSER_BIND: '127.0.0.1',
      PURSER_HOME: '.purser',
      PURSER_INSTANCE: expect.stringMatching(/^[A-Za-z0-9_-]{1,64}$/) as string,
    });
  });

  it('takes an empty variable for one that is not set, and a list of servers of a cluster', () => {
    expect(
      parseConfig(schema, { ...right, PURSER_API_PORT: '', PURSER_NATS_URL: 'nats://a:1, nats://b:2' }),
    ).toMatchObject({
      PURSER_API_PORT: 8081,
    });
  });

  it.each([
    ['PURSER_NATS_URL', 'localhost:4222', 'is not valid', 'nats://user:password@127.0.0.1:4222'],
    ['PURSER_NATS_URL', 'http://127.0.0.1', 'is not valid', 'nats://'],
    ['PURSER_NATS_URL', '', 'is not set', 'nats://'],
    ['PURSER_DATABASE_URL', 'mysql://x', 'is not valid', 'postgres://'],
    ['PURSER_API_PORT', 'eighty', 'is not valid', 'such as 8081'],
    ['PURSER_API_PORT', '70000', 'is not valid', '65535'],
    ['PURSER_LEASE_MS', '0', 'is not valid', 'milliseconds such as 8000'],
    ['PURSER_INSTANCE', 'a.b', 'is not valid', 'letters'],
    ['PURSER_LOG_LEVEL', 'loud', 'is not valid', 'debug'],
  ])('refuses %s=%j, naming the variable and what would be right', (name, value, problem, example) => {
    const message = complaint({ [name]: value });
    expect(message).toContain(`${name} ${problem}`);
    expect(message).toContain(example);
  });

  it('names all that is wrong at once, and no values, which may be secret', () => {
    const message = complaint({ PURSER_NATS_URL: 'nonsense-secret', PURSER_API_PORT: 'x' });
    expect(message.split('\n')).toHaveLength(2);
    expect(message).not.toContain('nonsense-secret');
  });
});

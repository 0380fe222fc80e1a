import { Heartbeat } from '@purser/contracts';
import { Clock } from '@purser/service';
import { LiveServices } from '../services/live-services.js';
import { ExecutorInputs } from './executor-inputs.js';

class HandClock extends Clock {
  at = 0;

  now(): Date {
    return new Date(this.at);
  }

  monotonic(): number {
    return this.at;
  }
}

const command = {
  type: 'object',
  properties: {
    argv: { type: 'array', items: { type: 'string' }, minItems: 1, description: 'a list such as ["ls"]' },
    env: { type: 'object', additionalProperties: { type: 'string', description: 'a text' } },
  },
  required: ['argv'],
  additionalProperties: false,
};
const older = { ...command, properties: { argv: { anyOf: [command.properties.argv, { type: 'string' }] } } };

describe('the check of a new task by what runners announce', () => {
  let clock: HandClock;
  let services: LiveServices;
  let inputs: ExecutorInputs;

  beforeEach(() => {
    clock = new HandClock();
    services = new LiveServices(clock);
    inputs = new ExecutorInputs(services);
  });

  const hear = (instance: string, executors: Heartbeat['executors']) => {
    const at = '2026-11-23T10:00:00Z';
    services.heard({ service: 'agent-runner', instance, version: '1', startedAt: at, at, executors });
  };
  const refusal = (input: unknown, executor = 'command'): string | undefined => {
    try {
      inputs.check(executor, input);
      return undefined;
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid_request' });
      return (error as Error).message;
    }
  };

  it.each<[unknown, RegExp]>([
    [{ argv: 'ls' }, /input\.argv: .*expected array, received string; it is a list such as \["ls"\]/],
    [{}, /input\.argv: .*; it is a list/],
    [{ argv: ['ls', 1] }, /input\.argv\.1: .*expected string, received number/],
    [{ argv: ['ls'], env: { A: 1 } }, /input\.env\.A: .*expected string, received number; it is a text/],
    [{ argv: ['ls'], shell: true }, /input\.shell: Unrecognized key: "shell"/],
  ])('refuses %j, naming the field and what would be right', (input, message) => {
    hear('r1', [{ name: 'command', input: command }]);
    expect(refusal(input)).toMatch(message);
    expect(refusal({ argv: ['ls'] })).toBeUndefined();
  });

  it('takes everything for an executor that it does not know, or does not know any more', () => {
    hear('r1', [{ name: 'command', input: command }]);
    expect(refusal({ argv: 'ls' }, 'container')).toBeUndefined();
    clock.at = 10_001;
    expect(refusal({ argv: 'ls' })).toBeUndefined();
  });

  it('takes what one of several runners would take, or may take', () => {
    hear('r1', [{ name: 'command', input: command }]);
    hear('r2', [{ name: 'command', input: older }]);
    expect(refusal({ argv: 'ls' })).toBeUndefined();
    expect(refusal({ argv: 5 })).toMatch(/input\.argv/);
    hear('r3', [{ name: 'command' }]);
    expect(refusal({ argv: 5 })).toBeUndefined();
  });

  it('refuses nothing by a schema that it does not understand', () => {
    hear('r1', [{ name: 'command', input: { type: 'strange' } }]);
    expect(refusal({ argv: 5 })).toBeUndefined();
  });

  it.each<[string, object, unknown]>([
    [
      'a pattern, at any depth',
      { type: 'object', properties: { cwd: { type: 'string', pattern: '^(\\w+)+\\n$' } } },
      { cwd: 'aaaa' },
    ],
    [
      'a pattern in a list of alternatives',
      { anyOf: [{ items: { type: 'string', pattern: 'x' }, type: 'array' }] },
      ['a'],
    ],
    ['a format', { type: 'string', format: 'email' }, 'a'],
    ['a longest text', { type: 'string', maxLength: 1 }, 'ab'],
    [
      'names by pattern',
      { type: 'object', patternProperties: { '^(a+)+$': {} }, additionalProperties: false },
      { aa: 1 },
    ],
    ['a pattern of names', { type: 'object', propertyNames: { type: 'string', pattern: '^x' } }, { a: 1 }],
    ['a reference', { $ref: '#/$defs/a', $defs: { a: { type: 'string', pattern: 'x' } } }, 'a'],
    [
      'exactly one of several',
      {
        oneOf: [
          { type: 'string', pattern: 'x' },
          { type: 'string', format: 'email' },
        ],
      },
      'a',
    ],
    ['places in a list', { type: 'array', prefixItems: [{ type: 'string' }], items: { type: 'number' } }, ['a', 1]],
    ['a value that is an object', { const: { a: 1 } }, { a: 1 }],
    ['a keyword that it does not know', { not: { type: 'string' } }, 'a'],
  ])('never checks %s', (_, schema, input) => {
    hear('r1', [{ name: 'command', input: { ...schema } }]);
    expect(refusal(input)).toBeUndefined();
  });

  it('goes on with the rest of such a schema', () => {
    const input = { type: 'object', properties: { cwd: { type: 'string', pattern: 'x' } }, required: ['cwd'] };
    hear('r1', [{ name: 'command', input }]);
    expect(refusal({ cwd: 5 })).toMatch(/input\.cwd: .*expected string/);
    expect(refusal({})).toMatch(/input\.cwd/);
    const either = { oneOf: [{ type: 'string', pattern: 'x' }, { type: 'null' }] };
    hear('r1', [{ name: 'command', input: either }]);
    expect(refusal(5)).toMatch(/input/);
  });
});

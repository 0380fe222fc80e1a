import { PurserError } from '@purser/contracts';
import { keyCheck } from './admin-key.js';
import { readBody } from './json-body.js';
import { readQuery } from './query.js';

describe('the admin key', () => {
  const check = keyCheck('pk_right', '/home/ada/.purser/admin.key');
  const asked = (authorization?: string) => () =>
    check({ headers: authorization === undefined ? {} : { authorization } });

  it('opens', () => {
    expect(asked('Bearer pk_right')).not.toThrow();
    expect(asked('bearer  pk_right')).not.toThrow();
  });

  it.each([
    'pk_right',
    'Bearer',
    'Bearer pk_righ',
    'Bearer pk_right2',
    'Basic pk_right',
    'Bearer pk_right pk_right',
    '',
  ])('does not open to %j, and says where it is', (authorization) => {
    expect(asked(authorization)).toThrow('/home/ada/.purser/admin.key');
    expect(asked(authorization)).toThrow(PurserError);
  });

  it('is asked for when nothing was sent', () => {
    expect(asked()).toThrow(/no key was sent.*`purser key`.*in a clone `npm run --silent purser key`/);
  });
});

describe('a body', () => {
  it('is an object, or nothing', () => {
    expect(readBody('{"a": 1}')).toEqual({ a: 1 });
    expect(readBody(' ')).toEqual({});
  });

  it.each(['[1]', 'null', '"text"', '7', '{', 'a=1&b=2'])('is not %s', (text) => {
    expect(() => readBody(text)).toThrow('body: ');
  });
});

describe('a query', () => {
  it('has each parameter once', () => {
    expect(readQuery({ limit: '1', label: 'x' })).toEqual({ limit: '1', label: 'x' });
    expect(() => readQuery({ limit: ['1', '2'] })).toThrow('limit: was given more than once');
  });
});

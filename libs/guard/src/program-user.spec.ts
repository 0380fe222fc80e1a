import { chooseUser } from './program-user.js';

const passwd = 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\nagent:x:900:901::/:/bin/sh\n';
const choose = (configured: { uid: number; gid: number } | undefined, uid: number, accounts = passwd) =>
  chooseUser(configured, uid, () => accounts);

describe('whom programs run as', () => {
  it('is the runner’s own user unless that is root', () => {
    expect(choose(undefined, 1000)).toBeUndefined();
    expect(choose({ uid: 1000, gid: 1000 }, 1000)).toBeUndefined();
    expect(() => choose({ uid: 900, gid: 900 }, 1000)).toThrow(/only root.*Leave `user` out/s);
  });

  it('is nobody, or who is configured, for root', () => {
    expect(choose(undefined, 0)).toEqual({ name: 'nobody', uid: 65534, gid: 65533 });
    expect(choose({ uid: 900, gid: 5 }, 0)).toEqual({ name: 'agent', uid: 900, gid: 5 });
    expect(choose({ uid: 901, gid: 5 }, 0)).toEqual({ name: undefined, uid: 901, gid: 5 });
  });

  it('is nobody of macOS, whose ids are written as negative numbers', () => {
    const accounts = '##\n# User Database\n##\nnobody:*:-2:-2:Unprivileged User:/var/empty:/usr/bin/false\n';
    expect(choose(undefined, 0, accounts)).toEqual({ name: 'nobody', uid: 4294967294, gid: 4294967294 });
  });

  it('is never the user of the database', () => {
    const accounts = `${passwd}postgres:x:101:104::/:/bin/sh\ndaemon:x:1:1::/:/bin/false\n`;
    for (const uid of [1, 101])
      expect(() => choose({ uid, gid: 5 }, 0, accounts)).toThrow(/must not run as (daemon|postgres)/);
  });

  it('must be named when there is no nobody', () => {
    expect(() => choose(undefined, 0, 'root:x:0:0::/root:/bin/sh\n')).toThrow(/no user `nobody`.*"user"/s);
  });
});

import { KeyProof } from '@purser/contracts';
import { keyHash, keyPrefix, newKeySecret } from './key-secrets.js';

describe('a secret', () => {
  it('begins with what may be shown, and has a proof that the contract takes and that does not hold it', () => {
    const { secret, proof } = newKeySecret();
    expect(secret).toMatch(/^psk_[0-9a-f]{16}_[\w-]{32}$/);
    expect(keyPrefix(secret)).toBe(proof.prefix);
    expect(KeyProof.parse(proof)).toEqual(proof);
    expect(JSON.stringify(proof)).not.toContain(secret.slice(proof.prefix.length + 1));
  });

  it('is known again by its salt and by no other', () => {
    const [one, other] = [newKeySecret(), newKeySecret()];
    expect(keyHash(one.proof.salt, one.secret)).toBe(one.proof.hash);
    expect(keyHash(other.proof.salt, one.secret)).not.toBe(one.proof.hash);
    expect(keyHash(one.proof.salt, other.secret)).not.toBe(one.proof.hash);
    // RFC 4231, test case 2, so that other programs can make a proof.
    expect(keyHash('4a656665', 'what do ya want for nothing?')).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });

  it.each(['', 'psk_', 'pk_0011223344556677_0123456789abcdef0123456789abcdef', `psk_${'a'.repeat(32)}`, 'psk_0_x'])(
    'is not %j',
    (text) => {
      expect(keyPrefix(text)).toBeUndefined();
    },
  );
});

import { hideSecret, withoutSecrets } from './hidden-secrets.js';
import { newKeySecret } from './key-secrets.js';
import { createLog, logTo } from './log.js';

describe('text from elsewhere', () => {
  it('keeps everything but the secrets of this process', () => {
    hideSecret('sk-of-the-provider');
    hideSecret('no');
    expect(withoutSecrets('no key sk-of-the-provider, sk-of-the-provider')).toBe('no key [redacted], [redacted]');
  });

  it('keeps the part of a gateway key that may be shown', () => {
    const { secret, proof } = newKeySecret();
    expect(withoutSecrets(`"${secret}" is unknown`)).toBe(`"${proof.prefix}_[redacted]" is unknown`);
  });
});

it('is hidden in the logs, wherever in a line it stands', () => {
  const lines: string[] = [];
  logTo({ write: (line) => void lines.push(line) });
  hideSecret('sk-in-a-cause');
  const cause = new Error('refused: sk-in-a-cause');
  createLog({ service: 's', instance: 'i', level: 'info' }).info({ error: new Error('x', { cause }), at: cause }, 'm');
  logTo(undefined);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ error: { cause: { message: 'refused: [redacted]' } } });
  expect(lines.join('')).not.toContain('sk-in-a-cause');
});

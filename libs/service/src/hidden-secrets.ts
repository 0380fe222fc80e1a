const HIDDEN = '[redacted]';
/** What is shorter could be any word. */
const LEAST_LENGTH = 8;
const GATEWAY_KEY = /(psk_[0-9a-f]{16})_[A-Za-z0-9_-]{32,64}/g;

const hidden = new Set<string>();

/** A secret of this process: from now on it is in no line of its logs, and in nothing that `withoutSecrets` has seen. */
export function hideSecret(value: string): void {
  if (value.length >= LEAST_LENGTH) hidden.add(value);
}

/**
 * For text that others made: servers are known to repeat the key that they refuse. Secrets of callers are not known
 * beforehand, but have a form of their own.
 */
export function withoutSecrets(text: string): string {
  let shown = text.includes('psk_') ? text.replaceAll(GATEWAY_KEY, `$1_${HIDDEN}`) : text;
  for (const secret of hidden) if (shown.includes(secret)) shown = shown.replaceAll(secret, HIDDEN);
  return shown;
}

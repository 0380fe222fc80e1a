/** Too short to be a secret: concealing it would only garble the text. */
const leastLength = 6;

/** What a server said, without the secrets that were sent to it: some repeat a key that they refuse. */
export function conceal(text: string, secrets: readonly (string | undefined)[]): string {
  return secrets.reduce<string>(
    (shown, secret) =>
      secret !== undefined && secret.length >= leastLength ? shown.replaceAll(secret, '[secret]') : shown,
    text,
  );
}

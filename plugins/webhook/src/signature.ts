import { createHmac } from 'node:crypto';

/** As the specification asks: 24 to 64 bytes. */
const LEAST_BYTES = 24;
const MOST_BYTES = 64;

/**
 * The headers of the Standard Webhooks scheme: receivers have libraries for it. `secrets` holds one or more, with spaces
 * between them; each signs, so that receivers can change over one by one.
 */
export function signedHeaders(message: {
  id: string;
  at: Date;
  body: string;
  secrets: string;
  secretName: string;
}): Record<string, string> {
  const { id, body, secrets, secretName } = message;
  const timestamp = Math.floor(message.at.getTime() / 1_000).toString();
  const signatures = secrets
    .split(/\s+/)
    .filter((secret) => secret !== '')
    .map((secret) => {
      const mac = createHmac('sha256', keyOf(secret, secretName)).update(`${id}.${timestamp}.${body}`);
      return `v1,${mac.digest('base64')}`;
    });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

function keyOf(secret: string, secretName: string): Buffer {
  const encoded = secret.replace(/^whsec_/, '');
  const key = Buffer.from(encoded, 'base64');
  const sound = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) && key.length >= LEAST_BYTES && key.length <= MOST_BYTES;
  if (!sound)
    throw new Error(
      `${secretName} is not a signing secret: "whsec_" and base64 of ${LEAST_BYTES} to ${MOST_BYTES} bytes; make one: echo "whsec_$(openssl rand -base64 32)"`,
    );
  return key;
}

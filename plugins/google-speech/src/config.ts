import { z } from 'zod';

const variable = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    'the name of an environment variable, such as "GOOGLE_API_KEY" (never the key itself)',
  );
const address = z.url({
  protocol: /^https?$/,
  error: 'an http or https URL, such as "https://eu-speech.googleapis.com"',
});

export const GoogleSpeechConfig = z.strictObject({
  /** Which environment variable holds an API key. GOOGLE_API_KEY when left out, unless `endpoint` is not Google's. */
  apiKeyEnv: variable.optional(),
  /** Which one holds the path of a service account's JSON file. GOOGLE_APPLICATION_CREDENTIALS when left out. */
  credentialsEnv: variable.optional(),
  endpoint: address.default('https://speech.googleapis.com'),
  storageEndpoint: address.default('https://storage.googleapis.com'),
  /**
   * A Cloud Storage bucket that recordings of more than a minute (or 10 MB) pass through: Google takes them from there
   * alone. Needs a service account that may create, read and delete its objects; each is deleted after the call.
   */
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, 'the name of a bucket, without "gs://"')
    .optional(),
  /** For calls that name no language; BCP-47. */
  language: z.string().min(2).default('en-US'),
  punctuation: z.boolean().default(true),
});
export type GoogleSpeechConfig = z.output<typeof GoogleSpeechConfig>;

import { z } from 'zod';

const account = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,98}[A-Za-z0-9])?$/, 'the name of an account at GitHub, such as "octo-org"');

export const GithubBillingConfig = z
  .strictObject({
    /** The organization whose bill it is ... */
    organization: account.optional(),
    /** ... or the user. */
    username: account.optional(),
    /**
     * Which environment variable holds the token. GITHUB_BILLING_TOKEN when left out, else GITHUB_TOKEN; but with a `baseUrl`
     * that is not GitHub's its variable must be named here, so that a token never goes to somebody else's server.
     */
    tokenEnv: z
      .string()
      .regex(
        /^[A-Za-z_][A-Za-z0-9_]*$/,
        'the name of an environment variable, such as "GITHUB_BILLING_TOKEN" (never the token itself)',
      )
      .optional(),
    baseUrl: z
      .url({ protocol: /^https?$/, error: 'an http or https URL, such as "https://api.github.com"' })
      .default('https://api.github.com'),
    /** Of the ledger's providers, whose costs these are. */
    provider: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a provider as the ledger names it, such as "github"')
      .default('github'),
    /** How often the bill is asked for, with a request for each day that is read. */
    everySeconds: z.int().min(300).default(21_600),
    /** Books without anything new for longer are stale; a weekend without use is not. */
    staleAfterSeconds: z.int().min(300).default(259_200),
  })
  .refine(({ organization, username }) => (organization === undefined) !== (username === undefined), {
    error: 'either "organization" or "username": whose bill is to be read',
  });
export type GithubBillingConfig = z.output<typeof GithubBillingConfig>;

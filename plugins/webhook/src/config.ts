import { z } from 'zod';

const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable, such as "PURSER_WEBHOOK_SECRET"');

export const WebhookConfig = z
  .strictObject({
    /** What the other side reads. */
    template: z.enum(['standard', 'slack', 'discord', 'ntfy', 'pagerduty']).default('standard'),
    /** Where to. PagerDuty's own address when left out; for ntfy with the topic: "https://ntfy.sh/my-topic". */
    url: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).optional(),
    /** The variable that holds the URL: that of Slack or Discord is a secret, whoever has it may post. */
    urlEnv: variable.optional(),
    /** `standard`: the variable with the signing secret, "whsec_" and base64. Two with a space between them while one replaces the other. */
    secretEnv: variable.optional(),
    /** `ntfy`: the variable with an access token. `pagerduty`: with the integration's routing key. Elsewhere: a bearer token. */
    tokenEnv: variable.optional(),
  })
  .superRefine(({ template, url, urlEnv, secretEnv, tokenEnv }, issues) => {
    const need = (path: string, message: string) => issues.addIssue({ code: 'custom', path: [path], message });
    if (url !== undefined && urlEnv !== undefined) need('urlEnv', 'either "url" or "urlEnv"');
    if (url === undefined && urlEnv === undefined && template !== 'pagerduty')
      need('url', 'where to send it: "url", or "urlEnv" with the name of the variable that holds it');
    if (template === 'standard' && secretEnv === undefined)
      need('secretEnv', 'the variable with the signing secret; make one: echo "whsec_$(openssl rand -base64 32)"');
    if (template !== 'standard' && secretEnv !== undefined) need('secretEnv', `nothing is signed for ${template}`);
    if (template === 'pagerduty' && tokenEnv === undefined)
      need('tokenEnv', 'the variable with the routing key of an Events API v2 integration');
  });
export type WebhookConfig = z.output<typeof WebhookConfig>;

import { z } from 'zod';

const HOUR = 3_600;

export const AwsCostsConfig = z.strictObject({
  /** How the ledger and budgets name these costs; another one for a second account. */
  provider: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, "-" or "_", such as "aws"')
    .default('aws'),
  /** Which of AWS' ways to count. `UnblendedCost` is what the bill says; `NetAmortizedCost` spreads what was paid in advance. */
  metric: z
    .enum(['UnblendedCost', 'BlendedCost', 'AmortizedCost', 'NetUnblendedCost', 'NetAmortizedCost'])
    .default('UnblendedCost'),
  /** Cost Explorer is at home here alone. */
  region: z.string().min(1).default('us-east-1'),
  /** In the place of AWS' own address. */
  endpoint: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).optional(),
  /** Of ~/.aws/config; standard: AWS_PROFILE, else `default`. */
  profile: z.string().min(1).optional(),
  /** These accounts of an organization alone, by their twelve digits. */
  accounts: z
    .array(z.string().regex(/^\d{12}$/, 'the twelve digits of an account'))
    .min(1)
    .max(200)
    .optional(),
  /** Kinds of records to leave out, such as `["Credit", "Refund", "Tax"]`. */
  leaveOut: z.array(z.string().min(1)).max(20).default([]),
  /** A cost allocation tag whose value is the project that budgets name. */
  projectTag: z.string().min(1).max(128).optional(),
  /** AWS refreshes its books about three times a day; each request costs. */
  everySeconds: z
    .number()
    .int()
    .min(300)
    .max(7 * 24 * HOUR)
    .default(6 * HOUR),
  staleAfterSeconds: z
    .number()
    .int()
    .min(HOUR)
    .max(60 * 24 * HOUR)
    .default(48 * HOUR),
  /** What AWS takes for a request. */
  requestUsd: z
    .string()
    .regex(/^\d{1,3}(\.\d{1,9})?$/, 'dollars such as "0.01"')
    .default('0.01'),
});
export type AwsCostsConfig = z.output<typeof AwsCostsConfig>;

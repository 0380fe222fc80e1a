import { plainDecimal } from '@purser/plugin-sdk';
import { z } from 'zod';

/** Numbers that are read as they are written; today amounts are strings. */
export const AMOUNTS = ['amount'];

/** A page of `GET /v1/organizations/cost_report`: days, and each day's amounts by what they were grouped by. */
export const CostReport = z.object({
  data: z.array(
    z.object({
      starting_at: z.iso.datetime({ offset: true }),
      results: z.array(
        z.object({
          /** In the lowest unit of the currency, so in cents. */
          amount: z.string(),
          currency: z.string(),
          description: z.string().nullish(),
          model: z.string().nullish(),
          workspace_id: z.string().nullish(),
        }),
      ),
    }),
  ),
  has_more: z.boolean(),
  next_page: z.string().nullish(),
});
export type CostReport = z.output<typeof CostReport>;

/** "123.45" cents are "1.2345" dollars. */
export function dollarsOfCents(cents: string): string {
  const plain = plainDecimal(cents);
  return plainDecimal(`${plain}e-2`);
}

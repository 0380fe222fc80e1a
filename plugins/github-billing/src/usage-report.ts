import { z } from 'zod';

/** Numbers that are read as they are written. */
export const AMOUNTS = ['netAmount'];

/** The answer of `GET /organizations/{org}/settings/billing/usage`, and of that of a user. */
export const UsageReport = z.object({
  usageItems: z
    .array(
      z.object({
        product: z.string(),
        sku: z.string(),
        /** US dollars, after discounts and what is included: what is to be paid. */
        netAmount: z.string(),
        organizationName: z.string().nullish(),
        repositoryName: z.string().nullish(),
      }),
    )
    .default([]),
});
export type UsageReport = z.output<typeof UsageReport>;
export type UsageItem = UsageReport['usageItems'][number];

/** "Actions Linux" says that it is of Actions; "Storage" of Git LFS does not. */
export const serviceOf = ({ product, sku }: Pick<UsageItem, 'product' | 'sku'>): string =>
  sku.toLowerCase().startsWith(product.toLowerCase()) ? sku : `${product}: ${sku}`;

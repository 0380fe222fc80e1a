import { z } from 'zod';

/** Numbers that are read as they are written; OpenAI sends amounts as numbers, and since 2026 as strings too. */
export const AMOUNTS = ['value'];

/** A page of `GET /v1/organization/costs`: days, and each day's amounts by what they were grouped by. */
export const CostsPage = z.object({
  data: z.array(
    z.object({
      /** Unix seconds; the end is not in it. */
      start_time: z.int(),
      end_time: z.int(),
      results: z.array(
        z.object({
          amount: z.object({ value: z.string(), currency: z.string() }),
          line_item: z.string().nullish(),
          project_id: z.string().nullish(),
        }),
      ),
    }),
  ),
  has_more: z.boolean(),
  next_page: z.string().nullish(),
});
export type CostsPage = z.output<typeof CostsPage>;

/** The model of "gpt-5-mini-2025-08-07, input"; other line items ("web search tool calls | gpt-5") are no model's alone. */
export const modelOf = (lineItem: string): string | undefined => /^([a-z0-9][\w.:-]*), /i.exec(lineItem)?.[1];

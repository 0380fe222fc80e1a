import { z } from 'zod';

/** Ids end up as the last token of a subject, so they hold no dot, space, `*` or `>`. */
export const Id = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, '1 to 64 letters, digits, "-" or "_" (for example "nightly-review-7")');

/** A dollar amount as a decimal string with at most nine places (one nano-dollar): `"1.50"`, `"0.000150"`. */
export const Usd = z
  .string()
  .regex(/^-?\d{1,9}(\.\d{1,9})?$/, 'a decimal string in dollars such as "1.50" (at most 9 places)');

/** A dollar amount a person may write: also a plain number, turned into the decimal string. Never negative. */
export const UsdInput = z
  .union(
    [
      Usd,
      z
        .number()
        .nonnegative()
        .max(999_999_999)
        .transform((value) => value.toFixed(9)),
    ],
    {
      error: 'an amount in dollars such as "1.50", not negative, at most 9 decimal places',
    },
  )
  .refine((value) => !value.startsWith('-'), 'must not be negative');

export const Instant = z.iso.datetime({
  offset: true,
  error: 'an ISO 8601 time with its zone, such as "2026-11-23T10:00:00Z"',
});

/** One token of a subject: a provider's, service's or instance's name. */
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
const TOKEN_IS = 'letters, digits, "-" or "_"';
export const Token = z.string().regex(TOKEN, TOKEN_IS);

/** A token that must be there, and what it is, for whoever left it out. */
export const tokenThatIs = (what: string) => z.string(what).regex(TOKEN, TOKEN_IS);

/** How important work is: 9 comes first. Of tasks, of keys, and so of calls. */
export const Priority = z.number().int().min(0).max(9);
export type Priority = z.infer<typeof Priority>;
export const STANDARD_PRIORITY: Priority = 5;

/** A count that also comes out of a query string. */
export const limitUpTo = (maximum: number, standard: number) =>
  z.coerce.number().int().min(1).max(maximum).default(standard);

export const ImageName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}$/, 'the name of an image, such as "python:3.13-slim"');

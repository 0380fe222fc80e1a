import { PurserError } from '@purser/contracts';

/** @throws PurserError `invalid_request` for a parameter that was given twice: which of the two was meant cannot be known */
export function readQuery(query: unknown): object {
  const given = query as Record<string, unknown>;
  const fields = Object.keys(given).filter((field) => Array.isArray(given[field]));
  if (fields.length === 0) return given;
  const problem = 'was given more than once in the query; give it once';
  throw new PurserError('invalid_request', {
    message: fields.map((field) => `${field}: ${problem}`).join('; '),
    details: { issues: fields.map((field) => ({ field, problem })) },
  });
}

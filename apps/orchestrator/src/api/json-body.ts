import { PurserError } from '@purser/contracts';

/** A body is one JSON object, whatever content type was named (curl -d names another); an empty one asks for nothing more. */
export function readBody(text: string): object {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused(`not JSON (${(cause as Error).message})`, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused('must be one JSON object');
  return value;
}

const refused = (problem: string, cause?: unknown): PurserError =>
  new PurserError('invalid_request', {
    message: `body: ${problem}`,
    details: { issues: [{ field: '(whole)', problem }] },
    cause,
  });

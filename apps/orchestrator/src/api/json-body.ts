import { PurserError } from '@purser/contracts';

/**
 * A body is one JSON object, whatever content type was named (curl -d names another); an empty one asks for nothing more.
 * Where it may be a list, also a JSON array, or a line of JSON for each; a line that is none is left to whoever takes it.
 */
export function readBody(text: string, list?: string): object {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const lines = list === undefined ? [] : text.split('\n').filter((line) => line.trim() !== '');
    if (list !== undefined && lines.length > 1) return { [list]: lines.map(lineOf) };
    throw refused(`not JSON (${(cause as Error).message})`, cause);
  }
  if (list !== undefined && Array.isArray(value)) return { [list]: value };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused('must be one JSON object');
  return value;
}

function lineOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

const refused = (problem: string, cause?: unknown): PurserError =>
  new PurserError('invalid_request', {
    message: `body: ${problem}`,
    details: { issues: [{ field: '(whole)', problem }] },
    cause,
  });

import type { ChatBody } from './request.js';

type Fields = Readonly<Record<string, unknown>>;

/** As JSON.parse makes it, and without the name that the schema leaves out. */
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.hasOwn(value, '__proto__');
const isAbsent = (value: unknown): boolean => value === undefined || value === null;
const isFlag = (value: unknown): boolean => isAbsent(value) || typeof value === 'boolean';
const isCount = (value: unknown, most: number): boolean =>
  isAbsent(value) || (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most);

const isMessage = (value: unknown): boolean => isObject(value) && typeof value.role === 'string' && value.role !== '';
const isTool = (value: unknown): boolean => isObject(value) && typeof value.type === 'string';
const isList = (value: unknown, { least, most }: { least: number; most: number }, is: (one: unknown) => boolean) =>
  Array.isArray(value) && value.length >= least && value.length <= most && value.every(is);

const MESSAGES = { least: 1, most: 10_000 };
const TOOLS = { least: 0, most: 1_000 };

/**
 * Whether a request is for certain one that the schema would take and leave as it is: what nearly all are. The schema
 * copies each, which was the dearest step of a call in this process; whoever is not ordinary still goes by it, and is told
 * by it what is wrong.
 */
export function isOrdinary(value: unknown): value is ChatBody {
  if (!isObject(value)) return false;
  const { model, messages, stream, stream_options: options, n, tools } = value;
  return (
    typeof model === 'string' &&
    model.length >= 1 &&
    model.length <= 300 &&
    isList(messages, MESSAGES, isMessage) &&
    isFlag(stream) &&
    (isAbsent(options) || (isObject(options) && isFlag(options.include_usage))) &&
    isCount(value.max_tokens, 10_000_000) &&
    isCount(value.max_completion_tokens, 10_000_000) &&
    isCount(n, 128) &&
    (isAbsent(tools) || isList(tools, TOOLS, isTool))
  );
}

import { isDeepStrictEqual } from 'node:util';

/** Values that ask for nothing beyond what every provider does. */
const asksNothing: Readonly<Record<string, readonly unknown[]>> = {
  n: [1],
  logprobs: [false],
  top_logprobs: [0],
  tool_choice: ['auto'],
  parallel_tool_calls: [true],
  store: [false],
  service_tier: ['auto', 'default'],
  presence_penalty: [0],
  frequency_penalty: [0],
  modalities: [['text']],
  verbosity: ['medium'],
};

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

const asksNothingIn = (name: string, value: unknown): boolean =>
  asksNothing[name]?.some((nothing) => isDeepStrictEqual(nothing, value)) ?? false;

/** The parameters of a request that a provider cannot honour, by the names it gives as unsupported. */
export function unmetParameters(request: Readonly<Record<string, unknown>>, unsupported: readonly string[]): string[] {
  return unsupported.filter((name) => !isEmpty(request[name]) && !asksNothingIn(name, request[name]));
}

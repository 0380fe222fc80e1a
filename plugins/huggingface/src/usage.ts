import { tokenCount } from '@purser/plugin-sdk';

/** text-embeddings-inference tells its tokens in a header, where it is what answers. */
export function embeddedTokens(headers: Headers | undefined): number | undefined {
  const told = headers?.get('x-compute-tokens') ?? '';
  return /^\d+$/.test(told) ? tokenCount(Number(told)) : undefined;
}

import { parentPort } from 'node:worker_threads';
import type { Tokenizer } from '@purser/plugin-sdk';

// Runs as it is, without a bundle and in specs without a build: nothing of this app may be imported here.

/** What is asked of the thread, and what it answers: undefined when it would take too long. */
export interface TokenQuestion {
  id: number;
  tokenizer: Tokenizer;
  texts: readonly string[];
}
export interface TokenAnswer {
  id: number;
  tokens: number | undefined;
}

/** Tokens of a short text, with nothing in it taken for a special token. */
export type Encode = (text: string) => number;

/** Longer words than this are not looked into: merging them takes time that grows with the square of their length. */
const LONGEST_PIECE = 2_000;
const MOST_MS = 2_000;

/**
 * Where OpenAI's tokenizers split a text whatever stands before and behind, so that counts of the parts add up exactly:
 * between a word and the one character that leads the next, behind the end of a line, around numbers. Both regular
 * expressions (`o200k_base`, `cl100k_base` in tiktoken's openai_public.py) agree on these.
 */
const SEAM =
  /(?<=\p{L})(?=[^\r\n\p{L}\p{N}\p{M}'’]\p{L})|(?<=\n)(?=[\p{L}\p{N}])|(?<=[^\s\p{L}\p{N}])(?=\p{N})|(?<=\p{N})(?= \p{N})/gu;

/** Pieces of a text that can be counted one by one. */
export function* piecesOf(text: string): Generator<string> {
  let from = 0;
  let to = 0;
  for (const { index } of text.matchAll(SEAM)) {
    if (index - from > LONGEST_PIECE && to > from) {
      yield text.slice(from, to);
      from = to;
    }
    to = index;
  }
  if (text.length - from > LONGEST_PIECE && to > from) {
    yield text.slice(from, to);
    from = to;
  }
  if (from < text.length) yield text.slice(from);
}

/** Exact but for what has no seam for too long: that counts by its bytes, which are never fewer than its tokens. */
export function countTexts(texts: readonly string[], encode: Encode, now: () => number): number | undefined {
  const until = now() + MOST_MS;
  let tokens = 0;
  for (const text of texts)
    for (const piece of piecesOf(text)) {
      if (now() > until) return undefined;
      tokens += piece.length > LONGEST_PIECE ? Buffer.byteLength(piece) : encode(piece);
    }
  return tokens;
}

const NOTHING_SPECIAL = { disallowedSpecial: new Set<string>() };

/** The ranks are megabytes of source: loaded when they are first needed. */
export async function encoderOf(tokenizer: Tokenizer): Promise<Encode> {
  const { countTokens } =
    tokenizer === 'o200k_base'
      ? await import('gpt-tokenizer/encoding/o200k_base')
      : await import('gpt-tokenizer/encoding/cl100k_base');
  return (text) => countTokens(text, NOTHING_SPECIAL);
}

parentPort?.on('message', ({ id, tokenizer, texts }: TokenQuestion) => {
  void encoderOf(tokenizer).then((encode) => {
    const answer: TokenAnswer = { id, tokens: countTexts(texts, encode, () => performance.now()) };
    parentPort?.postMessage(answer);
  });
});

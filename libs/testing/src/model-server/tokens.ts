const bytesPerToken = 4;

/** The demo models' tokenizer: four bytes are a token, a rest is one more. Never more tokens than bytes. */
export function countTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken);
}

/** The longest beginning of `text` that is at most `tokens` tokens long and does not split a character. */
export function cutToTokens(text: string, tokens: number): string {
  const limit = tokens * bytesPerToken;
  if (Buffer.byteLength(text) <= limit) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > limit) break;
    end += character.length;
  }
  return text.slice(0, end);
}

const words = ['lo', 'sum', 'dol', 'sit', 'ame', 'con', 'sec', 'adi', 'eli', 'sed'].map((word) => word.padEnd(3, 'r'));

/** Text of exactly so many tokens. */
export function filler(tokens: number): string {
  let text = '';
  for (let index = 0; index < tokens; index += 1) text += `${words[index % words.length]} `;
  return text;
}

/** Pieces of `tokens` tokens each, as a stream delivers them. */
export function pieces(text: string, tokens: number): string[] {
  const result: string[] = [];
  let rest = text;
  while (rest !== '') {
    // A character of four bytes always fits, so each round makes progress.
    const piece = cutToTokens(rest, Math.max(1, tokens));
    result.push(piece);
    rest = rest.slice(piece.length);
  }
  return result;
}

interface Message {
  content?: unknown;
  [field: string]: unknown;
}

/** Input tokens of a chat: the text of each message and three for its frame, and the tools. */
export function countInput(messages: readonly Message[], tools: unknown): number {
  let total = tools === undefined ? 0 : countTokens(JSON.stringify(tools));
  for (const message of messages) {
    const { content } = message;
    total += 3 + countTokens(typeof content === 'string' ? content : JSON.stringify(content ?? ''));
    if (message.tool_calls !== undefined) total += countTokens(JSON.stringify(message.tool_calls));
  }
  return total;
}

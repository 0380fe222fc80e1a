import type { PromptSize } from '@purser/money';
import type { LongTexts } from '../bodies/long-texts.js';
import type { CountableTexts } from '../calls/model-call.js';

type Fields = Readonly<Record<string, unknown>>;

/** Shorter ones count by their bytes: a seam costs as much. */
const LEAST_CHARACTERS = 32;

/** Where texts of a prompt stand in the bodies of OpenAI's protocols, each rendered as it is. */
const TEXTS = new Set(['content', 'text', 'refusal', 'instructions', 'input', 'output']);
/** What holds messages or items, and in them parts. */
const LISTS = new Set(['messages', 'input', 'content', 'output']);
const PICTURES = new Set<unknown>(['image_url', 'input_image']);

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The texts of a request that a tokenizer can count, and the size of all the rest: names, roles, tools, calls of tools and
 * formats are rendered in ways that nobody documents, so their JSON counts by its bytes. Pictures have their own rule.
 */
export function countableTexts(body: Fields, size: PromptSize, longTexts: LongTexts): CountableTexts {
  const texts: string[] = [];
  let images = 0;

  const reduced = (object: Fields): Fields =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, field(name, value)]));
  const field = (name: string, value: unknown): unknown => {
    if (typeof value === 'string' && TEXTS.has(name) && value.length >= LEAST_CHARACTERS) {
      texts.push(value);
      return '';
    }
    if (!Array.isArray(value) || !LISTS.has(name)) return value;
    return value.map((item: unknown) =>
      isObject(item) ? (isPicture(item) ? withoutPicture(item) : reduced(item)) : item,
    );
  };
  const withoutPicture = ({ image_url: _, ...rest }: Fields): Fields => {
    images += 1;
    return rest;
  };

  const rest = JSON.stringify(reduced(body));
  return {
    texts: texts.map((text) => longTexts.restore(text)),
    rest: {
      // What was set aside and is no text of a message counts by its bytes.
      textBytes: Buffer.byteLength(rest) + longTexts.lengthOf(rest) - rest.length,
      messages: size.messages,
      tools: size.tools,
      images: Math.max(size.images, images),
    },
  };
}

/** Sent as data; an address is no picture yet, and counts by its bytes. */
function isPicture({ type, image_url: image }: Fields): boolean {
  const url = isObject(image) ? image.url : image;
  return PICTURES.has(type) && typeof url === 'string' && url.startsWith('data:');
}

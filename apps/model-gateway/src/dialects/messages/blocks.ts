import type { Block, Content, MessagesBody } from './request.js';

export interface PlacedBlock {
  block: Block;
  /** As errors name it: `messages[0].content[1]`. */
  where: string;
}

/** The blocks of a content, without those inside them; text alone is one. */
export function* blocksIn(content: Content | null | undefined, where: string): Generator<PlacedBlock> {
  if (typeof content === 'string') yield { block: { type: 'text', text: content }, where };
  else for (const [index, block] of (content ?? []).entries()) yield { block, where: `${where}[${index}]` };
}

/** What a block holds blocks in: results of tools, and documents made of parts. */
function inner({ block, where }: PlacedBlock): Generator<PlacedBlock> {
  if (block.type === 'tool_result') return blocksIn(block.content as Content | undefined, `${where}.content`);
  const parts = block.source?.content;
  return blocksIn(Array.isArray(parts) ? (parts as Block[]) : undefined, `${where}.source.content`);
}

/** Every block of the prompt, with those inside others. */
export function* allBlocks(body: MessagesBody): Generator<PlacedBlock> {
  const outer = [
    ...blocksIn(body.system, 'system'),
    ...body.messages.flatMap(({ content }, index) => [...blocksIn(content, `messages[${index}].content`)]),
  ];
  for (const placed of outer) {
    yield placed;
    yield* inner(placed);
  }
}

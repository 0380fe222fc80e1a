import type { ToolResult } from '../tools/tool.js';

type Block = { type: string } & Record<string, unknown>;

const size = (base64: unknown): number => (typeof base64 === 'string' ? Math.floor((base64.length * 3) / 4) : 0);

function blockText(block: Block): string {
  const { type, text, mimeType, data, uri, name, resource } = block as Block & { resource?: Record<string, unknown> };
  if (type === 'text') return String(text);
  if (type === 'image' || type === 'audio') return `[${type}, ${String(mimeType)}, ${size(data)} bytes: not shown]`;
  if (type === 'resource_link') return `[${typeof name === 'string' ? name : 'resource'}: ${String(uri)}]`;
  if (type === 'resource' && resource) {
    const what = `[resource ${String(resource.uri)}]`;
    return typeof resource.text === 'string' ? `${what}\n${resource.text}` : `${what} (${size(resource.blob)} bytes)`;
  }
  return `[${type}: not shown]`;
}

/** What a server answers, as text: other media are named, not shown. */
export function resultText(answer: Record<string, unknown>): ToolResult {
  const blocks = Array.isArray(answer.content) ? (answer.content as Block[]) : [];
  const shown = blocks.map(blockText).join('\n');
  const structured = answer.structuredContent === undefined ? '' : JSON.stringify(answer.structuredContent);
  return { text: shown === '' ? structured : shown, failed: answer.isError === true };
}

import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { defineTool } from '../tools/arguments.js';
import { type Tool, ToolError } from '../tools/tool.js';
import type { ConfinedFolder } from './confined-folder.js';
import { listTree } from './list-tree.js';
import { searchFiles } from './search.js';

/** Files above this are for programs. */
export const FILE_BYTES = 8 * 1024 * 1024;

const path = z.string().min(1).max(4_000).describe('relative to the workspace, such as "src/main.ts"');

function asText(path: string, bytes: Buffer): string {
  if (!isUtf8(bytes) || bytes.includes(0)) throw new ToolError(`${path} is no text (${bytes.length} bytes)`);
  return bytes.toString('utf8');
}

/** Whole lines from `from` on, as many as fit; with a note on what else there is. */
export function linesOf(text: string, from: number, count: number, most: number): string {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) return '(the file is empty)';
  if (from > lines.length) throw new ToolError(`the file has ${lines.length} lines`);
  const room = Math.max(100, most - 200);
  const shown: string[] = [];
  let size = 0;
  for (const line of lines.slice(from - 1, from - 1 + count)) {
    size += line.length + 1;
    if (size > room && shown.length > 0) break;
    shown.push(line.length > room ? `${line.slice(0, room)}… (line cut)` : line);
  }
  const to = from + shown.length - 1;
  if (from === 1 && to === lines.length) return shown.join('\n');
  const next = to < lines.length ? `; go on with from=${to + 1}` : '';
  return `(lines ${from} to ${to} of ${lines.length}${next})\n${shown.join('\n')}`;
}

/** A text with one place changed, or all of them; says what is wrong when the place is not found or not one. */
export function edited(text: string, { old, replacement, all }: { old: string; replacement: string; all: boolean }) {
  const places = text.split(old).length - 1;
  if (places === 0) {
    throw new ToolError(
      'the text to be replaced is not in the file; read the file, and give it exactly as it is there',
    );
  }
  if (places > 1 && !all) {
    throw new ToolError(`the text to be replaced is there ${places} times; give more of it, or all=true`);
  }
  return { text: text.split(old).join(replacement), places };
}

export function readingTools(folder: ConfinedFolder): Tool[] {
  return [
    defineTool({
      name: 'list_files',
      description:
        'Lists files and folders of the workspace. Folders end in "/"; .git and node_modules are not entered.',
      reads: true,
      schema: z.strictObject({
        path: path.default('.'),
        depth: z.number().int().min(1).max(20).default(2).describe('how many levels deep'),
      }),
      run: async (args, { signal }) => ({ text: await listTree(folder, args, signal) }),
    }),
    defineTool({
      name: 'read_file',
      description: 'Reads a text file of the workspace, or some of its lines.',
      reads: true,
      schema: z.strictObject({
        path,
        from: z.number().int().min(1).default(1).describe('the first line, from 1 on'),
        lines: z.number().int().min(1).default(100_000).describe('how many lines at most'),
      }),
      run: async ({ path: name, from, lines }, { most }) => {
        const { bytes } = await folder.read(name, FILE_BYTES);
        return { text: linesOf(asText(name, bytes), from, lines, most) };
      },
    }),
    defineTool({
      name: 'search_files',
      description: 'Finds lines in the text files of the workspace; answers with path:line: text.',
      reads: true,
      schema: z.strictObject({
        pattern: z.string().min(1).max(500).describe('a text, or a JavaScript regular expression with regex=true'),
        regex: z.boolean().default(false),
        ignoreCase: z.boolean().default(false),
        path: path.default('.').describe('the folder to search'),
        files: z.string().min(1).max(200).optional().describe('only files whose path matches, such as "*.ts"'),
      }),
      run: async (args, { signal, most }) => ({ text: await searchFiles(folder, args, { signal, most }) }),
    }),
  ];
}

export function writingTools(folder: ConfinedFolder): Tool[] {
  const content = z.string().max(FILE_BYTES);
  return [
    defineTool({
      name: 'write_file',
      description: 'Writes a whole text file of the workspace; folders on the way are made.',
      reads: false,
      schema: z.strictObject({ path, content: content.describe('all that is to be in the file') }),
      run: async ({ path: name, content: text }) => {
        const bytes = Buffer.from(text, 'utf8');
        const isNew = await folder.write(name, bytes);
        return { text: `${name} was ${isNew ? 'made' : 'replaced'} (${bytes.length} bytes)` };
      },
    }),
    defineTool({
      name: 'edit_file',
      description: 'Replaces a text in a file of the workspace. The text must be in it exactly once, unless all=true.',
      reads: false,
      schema: z.strictObject({
        path,
        old: content.min(1).describe('the text as it is in the file, whitespace included'),
        new: content.describe('what is to stand there; empty to take it out'),
        all: z.boolean().default(false).describe('replaces every place'),
      }),
      run: async ({ path: name, old, new: replacement, all }) => {
        const { bytes } = await folder.read(name, FILE_BYTES);
        const { text, places } = edited(asText(name, bytes), { old, replacement, all });
        await folder.write(name, Buffer.from(text, 'utf8'));
        return { text: `${name}: ${places === 1 ? 'one place' : `${places} places`} replaced` };
      },
    }),
  ];
}

import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestTask } from '../chat-session.fixture.js';
import { call, finish, type Reply, ScriptedModel } from '../scripted-model.fixture.js';

let model: ScriptedModel;
let task: TestTask;
const at = (...names: string[]) => join(task.workspace, ...names);

beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(() => model.stop());
beforeEach(() => {
  model.requests.length = 0;
  task = new TestTask(model.environment);
  mkdirSync(at('src', 'deep'), { recursive: true });
  mkdirSync(at('.git'));
  writeFileSync(at('.git', 'config'), 'needle\n');
  writeFileSync(at('src', 'a.ts'), 'export const needle = 1;\nconst other = 2;\n');
  writeFileSync(at('src', 'deep', 'b.md'), 'A NEEDLE in Markdown\n');
  writeFileSync(at('picture'), Buffer.from([0x89, 0, 1, 2, 255]));
  symlinkSync('/etc', at('etc'));
});
afterEach(() => task.remove());

async function results(files: true | 'read', ...replies: Reply[]): Promise<string[]> {
  model.replies(...replies, finish('ok'));
  await expect(task.session({ goal: 'go', tools: { files } }).run()).resolves.toMatchObject({ kind: 'completed' });
  return model.results;
}

describe('the tools for files', () => {
  it('list', async () => {
    const [shown, deep, missing, out] = await results(
      true,
      call('list_files'),
      call('list_files', { path: 'src', depth: 5 }),
      call('list_files', { path: 'nothing' }),
      call('list_files', { path: 'etc' }),
    );
    expect(shown!.split('\n')).toEqual(['.git/', 'etc@', 'picture', 'src/', 'src/a.ts', 'src/deep/']);
    expect(deep!.split('\n')).toEqual(['a.ts', 'deep/', 'deep/b.md']);
    expect(missing).toMatch(/^ERROR: there is no/);
    expect(out).toMatch(/^ERROR: .*out of the workspace/);
  });

  it('read, some lines or all, and no pictures', async () => {
    writeFileSync(at('long'), Array.from({ length: 100 }, (_, index) => `line ${index + 1}`).join('\n'));
    const shown = await results(
      'read',
      call('read_file', { path: 'src/a.ts' }),
      call('read_file', { path: 'long', from: 99 }),
      call('read_file', { path: 'long', from: 10, lines: 2 }),
      call('read_file', { path: 'long', from: 101 }),
      call('read_file', { path: 'picture' }),
      call('read_file', { path: 'etc/passwd' }),
    );
    expect(shown).toEqual([
      'export const needle = 1;\nconst other = 2;',
      '(lines 99 to 100 of 100)\nline 99\nline 100',
      '(lines 10 to 11 of 100; go on with from=12)\nline 10\nline 11',
      'ERROR: the file has 100 lines',
      'ERROR: picture is no text (5 bytes)',
      'ERROR: etc/passwd leads out of the workspace, by way of a link',
    ]);
  });

  it('search', async () => {
    const shown = await results(
      'read',
      call('search_files', { pattern: 'needle' }),
      call('search_files', { pattern: 'needle', ignoreCase: true, files: '*.md' }),
      call('search_files', { pattern: '^const \\w+ = \\d;$', regex: true, path: 'src' }),
      call('search_files', { pattern: 'const (' }),
      call('search_files', { pattern: 'const (', regex: true }),
    );
    expect(shown).toEqual([
      'src/a.ts:1: export const needle = 1;',
      'src/deep/b.md:1: A NEEDLE in Markdown',
      'src/a.ts:2: const other = 2;',
      expect.stringMatching(/^nothing found in \d+ files$/),
      expect.stringMatching(/^ERROR: the pattern is no regular expression/),
    ]);
  });

  it('search with a pattern that never ends, without holding up the runner', async () => {
    writeFileSync(at('evil'), `${'a'.repeat(5_000)}!\n`);
    const [shown] = await results('read', call('search_files', { pattern: '^(a+)+$', regex: true }));
    expect(shown).toMatch(/^ERROR: the pattern takes too long/);
  });

  it('write and edit', async () => {
    const shown = await results(
      true,
      call('write_file', { path: 'new/file.txt', content: 'one two one\n' }),
      call('edit_file', { path: 'new/file.txt', old: 'two', new: '$& three' }),
      call('edit_file', { path: 'new/file.txt', old: 'one', new: '1' }),
      call('edit_file', { path: 'new/file.txt', old: 'one', new: '1', all: true }),
      call('edit_file', { path: 'new/file.txt', old: 'four', new: '4' }),
      call('write_file', { path: '../outside', content: '' }),
      call('write_file', { path: 'etc/new', content: '' }),
      call('write_file', { path: 'src', content: '' }),
    );
    expect(readFileSync(at('new', 'file.txt'), 'utf8')).toBe('1 $& three 1\n');
    expect(shown).toEqual([
      'new/file.txt was made (12 bytes)',
      'new/file.txt: one place replaced',
      expect.stringMatching(/^ERROR: the text to be replaced is there 2 times/),
      'new/file.txt: 2 places replaced',
      expect.stringMatching(/^ERROR: the text to be replaced is not in the file/),
      expect.stringMatching(/^ERROR: .*out of the workspace/),
      expect.stringMatching(/^ERROR: .*out of the workspace/),
      expect.stringMatching(/^ERROR: src is no plain file/),
    ]);
    expect(existsSync(join(task.root, 'outside'))).toBe(false);
  });

  it('only read when the task says so', async () => {
    const [shown] = await results('read', call('write_file', { path: 'new', content: '' }));
    expect(shown).toMatch(/^ERROR: there is no tool "write_file"; there are list_files, read_file, search_files/);
    expect(existsSync(at('new'))).toBe(false);
  });
});

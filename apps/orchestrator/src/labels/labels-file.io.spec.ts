import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelsFileSchema, loadLabelsFile, parseLabelsFile } from './labels-file.js';

const config = join(__dirname, '../../../../config');

it('takes limits by label, and a pointer to its schema', () => {
  const text = '{"$schema": "x", "github": {"concurrency": 2, "perMinute": 30}, "gpu:a": {"concurrency": 0}}';
  expect(parseLabelsFile(text, 'labels.json')).toEqual({
    github: { concurrency: 2, perMinute: 30 },
    'gpu:a': { concurrency: 0 },
  });
});

it.each([
  ['{', 'labels.json is not JSON'],
  ['[]', 'labels.json: '],
  ['{"git hub": {"concurrency": 2}}', 'labels.json: '],
  ['{"github": {}}', 'labels.json: github: needs concurrency, perMinute, or both'],
  ['{"github": {"concurrency": -1}}', 'labels.json: github.concurrency'],
  ['{"github": {"perHour": 1}}', 'perHour'],
])('refuses %s', (text, message) => {
  expect(() => parseLabelsFile(text, 'labels.json')).toThrow(message);
});

it('may be missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'labels-'));
  expect(await loadLabelsFile(folder)).toBeUndefined();
  await writeFile(join(folder, 'labels.json'), '{"a": {"concurrency": 1}}');
  expect(await loadLabelsFile(folder)).toEqual({ a: { concurrency: 1 } });
  await rm(folder, { recursive: true });
});

it('has a current schema in config/schemas/, and limits nothing as it comes', async () => {
  const kept: unknown = JSON.parse(await readFile(join(config, 'schemas/labels.schema.json'), 'utf8'));
  expect(kept).toEqual(JSON.parse(JSON.stringify(labelsFileSchema())));
  expect(await loadLabelsFile(config)).toEqual({});
});

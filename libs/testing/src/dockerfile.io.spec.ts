import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The image installs before it copies the sources, so its Dockerfile names each workspace's package.json. */
describe('the Dockerfile', () => {
  const workspaces = async (): Promise<string[]> => {
    const { workspaces: patterns } = JSON.parse(await readFile('package.json', 'utf8')) as { workspaces: string[] };
    const found = patterns.map(async (pattern) => {
      const parent = pattern.replace(/\/\*$/, '');
      const entries = await readdir(parent, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${parent}/${name}`);
    });
    return (await Promise.all(found)).flat();
  };
  const hasPackage = (folder: string) =>
    readFile(join(folder, 'package.json')).then(
      () => true,
      () => false,
    );

  it('copies the package.json of every workspace, and of nothing else', async () => {
    const folders = await workspaces();
    const here = await Promise.all(folders.map(async (folder) => ((await hasPackage(folder)) ? [folder] : [])));
    const lines = (await readFile('Dockerfile', 'utf8')).split('\n');
    const copied = lines.flatMap((line) => {
      const [, from, to] = /^COPY (\S+)\/package\.json (\S+)\/$/.exec(line) ?? [];
      return from !== undefined && from === to ? [from] : [];
    });
    expect(copied.sort()).toEqual(here.flat().sort());
  });
});

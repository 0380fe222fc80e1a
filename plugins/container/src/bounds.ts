import { stat } from 'node:fs/promises';
import { isAbsolute, resolve, sep } from 'node:path';
import type { Limits } from './container-body.js';
import type { About } from './engine.js';
import type { ContainerInput } from './input.js';
import { NotStarted } from './problems.js';

export function limitsFor(input: ContainerInput, { most }: About, standard: Limits): Limits {
  const of = (name: keyof Limits): number => {
    const asked = input[name];
    if (asked === undefined) return Math.min(standard[name], most[name]);
    if (asked <= most[name]) return asked;
    throw new NotStarted('too_much', `${name} is ${asked}, the most for a container here is ${most[name]}`);
  };
  return { memoryMb: of('memoryMb'), cpus: of('cpus'), pids: of('pids') };
}

export async function refuseFolder(workspace: string, cwd: string | undefined): Promise<void> {
  if (cwd === undefined || isAbsolute(cwd)) return;
  const folder = resolve(workspace, cwd);
  if (folder !== workspace && !folder.startsWith(workspace + sep))
    throw new NotStarted('bad_cwd', `cwd "${cwd}" leads out of the workspace`);
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory())
    throw new NotStarted('bad_cwd', `cwd "${cwd}" is no folder of the workspace; create it first, or leave cwd out`);
}

import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction, constants } from 'node:vm';

export type ImportModule = (use: string, resolveFrom: string) => Promise<unknown>;

export const isPath = (use: string): boolean => /^(\.{0,2}\/|[A-Za-z]:[\\/])/.test(use);

/** Purser's own plugins come with it: the same names in a configuration folder are not these. */
const isBuiltIn = (use: string): boolean => use.startsWith('@purser/');

/**
 * Node's own `import()` as a file in `folder` would do it. `import.meta.resolve` knows no other parent than its own
 * module, and `require.resolve` does not see packages whose exports have only an "import" condition.
 */
function importFrom(folder: string, specifier: string): Promise<unknown> {
  // It is called experimental, which is of no use to whoever has a plugin. Every other warning is shown.
  // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on the process, and put back
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (!/USE_MAIN_CONTEXT_DEFAULT_LOADER/.test(String(warning))) emitWarning.call(process, warning, ...rest);
  };
  try {
    const run = compileFunction('return import(specifier)', ['specifier'], {
      filename: join(folder, 'plugins.json'),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }) as (specifier: string) => Promise<unknown>;
    return run(specifier);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Whether it is the wanted module itself that is missing, not something that it imports. */
function isMissing(error: unknown, wanted: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return false;
  const named = /^Cannot find (?:package|module) '([^']+)'/.exec(String(message))?.[1];
  return named !== undefined && (wanted === named || wanted.startsWith(`${named}/`));
}

/**
 * A path is taken from `resolveFrom`; a package from there too, else from where Purser itself is installed; a built-in
 * only from Purser's own.
 */
export const importModule: ImportModule = async (use, resolveFrom) => {
  if (isPath(use)) {
    const file = resolve(resolveFrom, use);
    try {
      return await importFrom(resolveFrom, pathToFileURL(file).href);
    } catch (error) {
      if (!isMissing(error, file)) throw error;
      throw new Error(`there is no file ${file}`, { cause: error });
    }
  }
  if (!isBuiltIn(use)) {
    try {
      return await importFrom(resolveFrom, use);
    } catch (error) {
      if (!isMissing(error, use)) throw error;
    }
  }
  try {
    return (await import(use)) as unknown;
  } catch (error) {
    if (!isMissing(error, use)) throw error;
    const advice = isBuiltIn(use)
      ? 'Purser has no plugin of this name'
      : `install it with "npm install ${use}" in ${resolveFrom}`;
    throw new Error(`there is no package "${use}"; ${advice}`, {
      cause: error,
    });
  }
};

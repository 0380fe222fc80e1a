import { endRun } from './run-folders.mjs';

/** Jest's globalTeardown: a server that a spec left running fails the run. */
export default async function endOfRun() {
  const left = await endRun(process.env.PURSER_TEST_RUN_DIR);
  if (left.length > 0) throw new Error(`Specs left servers running:\n${left.join('\n')}`);
}

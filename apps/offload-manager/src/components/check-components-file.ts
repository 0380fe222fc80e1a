import { PurserError } from '@purser/contracts';
import { loadComponentsFile } from './components-file.js';

/**
 * Before a start. A manager that runs goes by what holds of the file; but whoever starts it is there to correct the rest.
 * @throws PurserError `invalid_request` with all that is wrong with it
 */
export async function checkComponentsFile(configDir: string): Promise<void> {
  const { problems } = await loadComponentsFile(configDir);
  if (problems.length === 0) return;
  throw new PurserError('invalid_request', { message: problems.join('\n'), details: { problems } });
}

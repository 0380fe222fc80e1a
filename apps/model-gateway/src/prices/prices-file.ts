import { fileURLToPath } from 'node:url';
import { ModelRef, PriceRow } from '@purser/contracts';
import { z } from 'zod';
import { readConfigFile, withoutSchema } from '../config-file.js';

/** `config/prices.json`, and the table that comes with Purser: provider/model -> what it costs. */
export const PricesFile = z.preprocess(withoutSchema, z.record(ModelRef, PriceRow));
export type PricesFile = Record<string, PriceRow>;

/**
 * The table that comes with Purser. It stands in the package, above `src` and `dist` alike, and not where users keep their
 * files: those are measured by it.
 */
export const INSTALLED_PRICES = fileURLToPath(new URL('../../prices.json', import.meta.url));

/** Reads a table, or undefined when there is none. A file that cannot be used names its row and field. */
export const readPricesFile = (file: string): Promise<PricesFile | undefined> => readConfigFile(file, PricesFile);

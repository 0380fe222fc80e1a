import { basename } from 'node:path';
import {
  type CallOptions,
  type CostReading,
  type CostSource,
  plainDecimal,
  type ReportedCost,
  requireUsd,
} from '@purser/plugin-sdk';
import { type Places, placesOf } from './columns.js';
import type { FileCostsConfig } from './config.js';
import { type CsvRecord, csvRecords } from './csv.js';
import { DailySums } from './daily-sums.js';
import { type ExportFile, exportFiles, textOf } from './export-files.js';
import { instantOf } from './instant.js';

const DAY = 86_400_000;

/** What was read, and of which files as they then were. */
interface Cache {
  versions: string;
  costs: ReportedCost[];
}

export class FileCostsSource implements CostSource {
  readonly provider: string;
  readonly schedule: CostSource['schedule'];
  private cache: Cache | undefined;

  constructor(private readonly config: FileCostsConfig) {
    this.provider = config.provider;
    this.schedule = { everySeconds: config.everySeconds, staleAfterSeconds: config.staleAfterSeconds };
  }

  async read(period: { from: Date; to: Date }, { signal }: CallOptions): Promise<CostReading> {
    const files = await exportFiles(this.config.path);
    const versions = JSON.stringify(files);
    if (this.cache?.versions !== versions) this.cache = { versions, costs: await this.readAll(files, signal) };
    const costs = this.cache.costs.filter(({ from }) => from >= period.from && from < period.to);
    return { costs, ownCostUsd: '0' };
  }

  /** All files or none: rows of a file that cannot be read would count as nothing spent. */
  private async readAll(files: readonly ExportFile[], signal: AbortSignal): Promise<ReportedCost[]> {
    const sums = new DailySums();
    for (const { path } of files) {
      try {
        await this.readFile(path, sums, signal);
      } catch (cause) {
        signal.throwIfAborted();
        throw new Error(`${basename(path)}: ${(cause as Error).message}`, { cause });
      }
    }
    return sums.costs();
  }

  private async readFile(path: string, sums: DailySums, signal: AbortSignal): Promise<void> {
    let places: Places | undefined;
    let width = 0;
    for await (const record of csvRecords(textOf(path, signal), this.config.delimiter)) {
      if (!places) {
        places = placesOf(record.fields, this.config);
        width = record.fields.length;
        continue;
      }
      if (record.fields.length !== width)
        throw new Error(
          `line ${record.line} has ${record.fields.length} columns instead of ${width}; is the file still being written? Write it elsewhere and rename it`,
        );
      this.addRow(record, places, sums);
    }
    if (!places) throw new Error('the file is empty, even without a line that names its columns');
  }

  private addRow({ line, fields }: CsvRecord, places: Places, sums: DailySums): void {
    const at = (place: number | undefined): string => (place === undefined ? '' : (fields[place] ?? '').trim());
    if (this.config.only !== undefined && at(places.provider) !== this.config.only) return;
    const currency = places.currency === undefined ? this.config.currency : at(places.currency);
    requireUsd(currency, `the costs of line ${line}`, 'Export them in US dollars.');
    try {
      const from = instantOf(at(places.from));
      const end = at(places.to);
      sums.add({
        from,
        to: end === '' ? new Date(from.getTime() + DAY) : instantOf(end),
        amount: plainDecimal(at(places.amount)),
        service: at(places.service) || 'unnamed',
        model: at(places.model) || undefined,
        project: at(places.project) || undefined,
      });
    } catch (cause) {
      throw new Error(`line ${line}: ${(cause as Error).message}`, { cause });
    }
  }
}

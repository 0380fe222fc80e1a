import type { CostSource } from '@purser/plugin-sdk';
import type { BooksCount } from '@purser/plugin-host';
import { Injectable } from '@nestjs/common';

/** A source as configuration has it. */
export interface ConfiguredSource {
  /** Under which the ledger and the database know it. */
  name: string;
  /** The package or path of its plugin. */
  use: string;
  source: CostSource;
  books: BooksCount;
  /** Services of these books that are metered under another provider's name. */
  meteredServices: readonly string[];
}

/** An entry of plugins.json that gave no source, and why. */
export interface RefusedSource {
  name: string | undefined;
  use: string;
  reason: string;
}

/** The sources of this watchdog. Filled once, at the start. */
@Injectable()
export class ConfiguredSources {
  all: readonly ConfiguredSource[] = [];
  refused: readonly RefusedSource[] = [];
}

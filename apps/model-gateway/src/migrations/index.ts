import type { MigrationClass } from '@purser/database';
import { CreateFreeQuotas1700000002020 } from './create-free-quotas.js';
import { CreateCalls1700000002030 } from './create-calls.js';
import { CreateExperience1700000002001 } from './create-experience.js';
import { CreateKeys1700000002000 } from './create-keys.js';
import { RankKeys1700000002100 } from './rank-keys.js';
import { RelateKeys1700000005201 } from './relate-keys.js';
import { RestrictKeysToPaid1700000005500 } from './restrict-keys-to-paid.js';
import { SaltKeys1700000002002 } from './salt-keys.js';
import { TellPriceChanges1700000006801 } from './tell-price-changes.js';
import { CreatePriceRows1700000002010 } from './create-price-rows.js';

export const MIGRATIONS: MigrationClass[] = [
  CreateKeys1700000002000,
  CreateExperience1700000002001,
  SaltKeys1700000002002,
  CreatePriceRows1700000002010,
  CreateFreeQuotas1700000002020,
  CreateCalls1700000002030,
  RankKeys1700000002100,
  RelateKeys1700000005201,
  RestrictKeysToPaid1700000005500,
  TellPriceChanges1700000006801,
];

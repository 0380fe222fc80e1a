import { z } from 'zod';

export interface TableName {
  project: string;
  dataset: string;
  table: string;
}

/** A project's own name may have points in it ("example.com:billing"). */
export function tableName(text: string): TableName {
  const [table = '', dataset = '', ...project] = text.split('.').reverse();
  return { project: project.reverse().join('.'), dataset, table };
}

/** What BigQuery tells of a table. */
export const Table = z.object({
  location: z.string(),
  timePartitioning: z.object({ field: z.string().optional() }).optional(),
  schema: z.object({ fields: z.array(z.object({ name: z.string() })) }).optional(),
});
export type Table = z.output<typeof Table>;

const NEEDED = [
  'usage_start_time',
  'service',
  'sku',
  'project',
  'cost',
  'credits',
  'currency',
  'currency_conversion_rate',
];

/** The columns of a billing export, standard or detailed, that a table lacks. */
export function missingColumns(table: Table): string[] {
  const there = new Set(table.schema?.fields.map(({ name }) => name));
  return NEEDED.filter((name) => !there.has(name));
}

/**
 * The partitions that may hold usage of a time. An export is partitioned by the day of its loading, which is not before the
 * usage but may be long after it; a day less is for time zones. What is partitioned by another time of its own (a copy, a
 * view's table) must not be earlier than the usage either, or it could not be told what to leave out.
 */
export function partitionFilter({ timePartitioning }: Table): string {
  if (timePartitioning === undefined) return '';
  const { field } = timePartitioning;
  if (field === undefined) return 'AND _PARTITIONTIME >= @since';
  if (field === 'export_time' || field === 'usage_start_time' || field === 'usage_end_time')
    return `AND ${field} >= @since`;
  return '';
}

const DAY_MS = 86_400_000;

/** What the query is asked with; never part of its text. */
export function queryParameters({ from, to }: { from: Date; to: Date }, withSince: boolean) {
  const since = new Date(from.getTime() - DAY_MS);
  const times = { from, to, ...(withSince ? { since } : {}) };
  return Object.entries(times).map(([name, time]) => ({
    name,
    parameterType: { type: 'TIMESTAMP' },
    parameterValue: { value: time.toISOString() },
  }));
}

/**
 * Net costs (with credits, which are negative) by day, service, SKU and project, in US dollars by the rate of each row: in
 * another currency an export says beside each cost at what rate Google converted its price, as units of it to the dollar.
 * Costs are floats in the export; they are added as BIGNUMERIC, so nothing is lost on the way. No alias is the name of a
 * column: BigQuery would group by the column, which is a STRUCT.
 */
export const costsQuery = ({ project, dataset, table }: TableName, filter: string): string => `
SELECT
  FORMAT_TIMESTAMP('%F', usage_start_time) AS day,
  service.id AS service_id,
  ANY_VALUE(service.description) AS service_name,
  sku.id AS sku_id,
  project.id AS project_id,
  currency,
  CAST(SUM(
    (CAST(cost AS BIGNUMERIC)
      + IFNULL((SELECT SUM(CAST(credit.amount AS BIGNUMERIC)) FROM UNNEST(credits) AS credit), 0))
    / IF(currency = 'USD', 1, IF(currency_conversion_rate > 0, CAST(currency_conversion_rate AS BIGNUMERIC), NULL))
  ) AS STRING) AS usd,
  CAST(COUNTIF(IFNULL(currency, '') != 'USD' AND NOT IFNULL(currency_conversion_rate > 0, FALSE)) AS STRING)
    AS unconvertible
FROM \`${project}.${dataset}.${table}\`
WHERE usage_start_time >= @from AND usage_start_time < @to ${filter}
GROUP BY day, service_id, sku_id, project_id, currency`;

const text = z.string().nullable();

export const ExportRow = z.object({
  day: z.iso.date(),
  service_id: text,
  service_name: text,
  sku_id: text,
  project_id: text,
  currency: text,
  usd: text,
  unconvertible: z.string(),
});
export type ExportRow = z.output<typeof ExportRow>;

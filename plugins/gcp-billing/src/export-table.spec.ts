import { costsQuery, partitionFilter, queryParameters, tableName } from './export-table.js';

it('takes a table’s name apart, also in a project with points in its name', () => {
  expect(tableName('demo.billing.export')).toEqual({ project: 'demo', dataset: 'billing', table: 'export' });
  expect(tableName('example.com:demo.billing.export')).toEqual({
    project: 'example.com:demo',
    dataset: 'billing',
    table: 'export',
  });
});

it.each([
  [{}, 'AND _PARTITIONTIME >= @since'],
  [{ field: 'usage_start_time' }, 'AND usage_start_time >= @since'],
  [{ field: 'invoice_day' }, ''],
])('asks for the partitions that may matter of a table partitioned by %j', (timePartitioning, filter) => {
  expect(partitionFilter({ location: 'EU', timePartitioning })).toBe(filter);
});

it('gives a parameter to each name in the query, and no others', () => {
  const period = { from: new Date('2026-11-01'), to: new Date('2026-11-08') };
  for (const filter of ['', 'AND _PARTITIONTIME >= @since']) {
    const sql = costsQuery(tableName('demo.billing.export'), filter);
    const used = [...new Set([...sql.matchAll(/@(\w+)/g)].map(([, name]) => name))].sort();
    const given = queryParameters(period, filter !== '').map(({ name }) => name);
    expect(given.sort()).toEqual(used);
  }
});

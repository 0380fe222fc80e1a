import type { Columns, FileCostsConfig } from './config.js';

/** Where a row holds what. */
export type Places = Record<'from' | 'amount' | 'service', number> &
  Record<Exclude<keyof Columns, 'from' | 'amount' | 'service'>, number | undefined>;

/** FOCUS 1.x; 1.3 calls the provider by another name. */
const FOCUS = {
  from: ['ChargePeriodStart'],
  to: ['ChargePeriodEnd'],
  currency: ['BillingCurrency'],
  service: ['ServiceName'],
  provider: ['ProviderName', 'ServiceProviderName'],
};

const REQUIRED = ['from', 'amount', 'service', 'currency'] as const;

/** Finds the columns by their names, whatever their case. Throws with those that are missing. */
export function placesOf(head: readonly string[], config: FileCostsConfig): Places {
  const names = head.map((name) => name.trim().toLowerCase());
  const wanted = wantedNames(config);
  const place = (field: keyof Columns): number | undefined => {
    for (const name of wanted[field] ?? []) {
      const index = names.indexOf(name.toLowerCase());
      if (index >= 0) return index;
    }
    return undefined;
  };
  const missing = (Object.keys(wanted) as (keyof Columns)[]).filter(
    (field) => isRequired(field, config) && place(field) === undefined,
  );
  if (missing.length > 0) {
    const columns = missing.map((field) => (wanted[field] ?? []).join(' or ')).join(', ');
    throw new Error(
      `there is no column ${columns}; it has ${head.slice(0, 20).join(', ')}. Export FOCUS 1.x, or name the columns in "columns"`,
    );
  }
  const {
    from = 0,
    amount = 0,
    service = 0,
  } = { from: place('from'), amount: place('amount'), service: place('service') };
  const [to, currency, model] = [place('to'), place('currency'), place('model')];
  return { from, amount, service, to, currency, model, project: place('project'), provider: place('provider') };
}

function wantedNames({ columns, cost, projectColumn }: FileCostsConfig): Partial<Record<keyof Columns, string[]>> {
  if (columns)
    return Object.fromEntries(
      Object.entries(columns).map(([field, name]) => [field, name === undefined ? [] : [name]]),
    );
  return { ...FOCUS, amount: [cost], ...(projectColumn === undefined ? {} : { project: [projectColumn] }) };
}

/** What was named has to be there; of FOCUS' own columns those without which a row means nothing. */
const isRequired = (field: keyof Columns, { columns, only }: FileCostsConfig): boolean =>
  columns !== undefined ||
  (REQUIRED as readonly string[]).includes(field) ||
  field === 'project' ||
  (field === 'provider' && only !== undefined);

export * from './cost.js';
export * from './decimals.js';
export * from './holds.js';
export * from './prices.js';
export type { InputKind, OutputKind, Rates } from './rates.js';
export { ratesOf } from './rates.js';
export * from './usd.js';

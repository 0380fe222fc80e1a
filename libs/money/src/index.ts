export * from './holds.js';
export * from './prices.js';
export * from './usd.js';

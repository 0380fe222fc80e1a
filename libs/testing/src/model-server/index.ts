export type { Behaviour, ScriptOptions } from './behaviour.js';
export type { CallRecord, Counters, ModelPrices } from './bill.js';
export { type ModelServerCounts, type ModelServerProcess, spawnModelServer } from './child.js';
export { type ModelServer, type ModelServerOptions, startModelServer } from './server.js';

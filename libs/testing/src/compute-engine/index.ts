export { type Meter, RATES, type Rates } from './bill.js';
export { ComputeEngine, type ComputeEngineOptions } from './compute-engine.js';
export type { Call as ComputeEngineCall, Fault as ComputeEngineFault } from './faults.js';
export type { InstanceBody } from './resources.js';

export { Config } from './config.js';
export { startStopper, type StopperOptions } from './stopper.js';

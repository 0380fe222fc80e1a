export * from './executor.js';
export * from './model-provider.js';
export * from './parameters.js';
export * from './plugin.js';
export * from './provider-failures.js';

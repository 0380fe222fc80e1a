export * from './executor.js';
export * from './media.js';
export * from './model-provider.js';
export * from './parameters.js';
export * from './pass-through.js';
export * from './plugin.js';
export * from './provider-failures.js';
export * from './usage.js';

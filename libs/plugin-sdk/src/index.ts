export * from './executor.js';
export * from './model-provider.js';
export * from './plugin.js';

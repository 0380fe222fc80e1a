import { inLittleMemory } from './little-memory.js';

inLittleMemory();
// Only now: all of it would be loaded twice.
await import('./run.js');

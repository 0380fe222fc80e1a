import { inLittleMemory } from './little-memory.js';

inLittleMemory();
// Only now: all of it would be loaded twice.
const [{ runUntilSignal }, { start }] = await Promise.all([import('@purser/service'), import('./index.js')]);
runUntilSignal(start);

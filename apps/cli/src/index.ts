export { EXIT, type ExitCode } from './exit-codes.js';
export { run } from './program.js';
export type { Terminal } from './terminal.js';

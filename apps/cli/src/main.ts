import { run } from './program.js';
import { processTerminal } from './terminal.js';

const code = await run(process.argv.slice(2), processTerminal());
// What was printed goes out first, also into a pipe; then nothing that a library left open keeps the process.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));

import { type ModelServerOptions, startModelServer } from './server.js';

/**
 * The model server as a process of its own: `node main.js '{"models": {...}}' [--with-parent]`. Prints its addresses as
 * one line of JSON. With `--with-parent` it ends when its standard input does, so that it never outlives a test that
 * was killed.
 */
const [options, flag] = process.argv.slice(2);
const server = await startModelServer(JSON.parse(options ?? '{"models": {}}') as ModelServerOptions);
process.stdout.write(`${JSON.stringify({ url: server.url, openaiBaseUrl: server.openaiBaseUrl })}\n`);

const stop = () => void server.stop().then(() => process.exit(0));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
if (flag === '--with-parent') process.stdin.once('end', stop).resume();

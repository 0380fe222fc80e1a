// Everything embedded, compiled in watch mode and restarted when what it runs changes.
import { spawn, spawnSync } from 'node:child_process';

const node = process.execPath;
const first = spawnSync(node, ['node_modules/typescript/bin/tsc', '-b'], { stdio: 'inherit' });
if (first.status !== 0) process.exit(first.status ?? 1);

const compiler = spawn(node, ['node_modules/typescript/bin/tsc', '-b', '--watch', '--preserveWatchOutput'], {
  stdio: 'inherit',
});
const purser = spawn(node, ['--watch', '--watch-preserve-output', 'apps/cli/bin/purser.mjs', 'up'], {
  stdio: 'inherit',
});
purser.on('exit', (code) => {
  compiler.kill();
  process.exit(code ?? 0);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => purser.kill(signal));

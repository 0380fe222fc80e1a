#!/usr/bin/env node
// Runs on any Node >= 20: the rest needs 22, so an older Node hands over to the one that npm installed with Purser.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = new URL('../dist/main.js', import.meta.url);

function pinnedNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve('node/package.json');
    const binary = join(dirname(manifest), 'bin', 'node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

function handOver(binary) {
  const child = spawn(binary, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`purser: ${binary} cannot be run (${error.message}). Run \`npm ci\` again.`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

if (Number(process.versions.node.split('.')[0]) < 22) {
  const binary = pinnedNode();
  if (binary) handOver(binary);
  else {
    console.error(
      `purser: Node ${process.versions.node} is too old (22 is needed) and the one that comes with Purser is not installed. Run \`npm ci\`.`,
    );
    process.exitCode = 1;
  }
} else if (!existsSync(main)) {
  console.error('purser: it is not built yet. Run `npm run build`.');
  process.exitCode = 1;
} else {
  await import(main.href);
}

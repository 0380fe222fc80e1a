#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { runDemo } from '../dist/index.js';

runDemo(fileURLToPath(new URL('../../cli/bin/purser.mjs', import.meta.url))).catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

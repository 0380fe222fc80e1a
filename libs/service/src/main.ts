import { isPurserError } from '@purser/contracts';
import type { Environment } from './config.js';
import type { RunningService } from './service.js';

const FORCE_AFTER_MS = 30_000;

/** For an app's main.ts: runs one service until SIGTERM or SIGINT, then closes it in order and exits 0. */
export function runUntilSignal(start: (env: Environment) => Promise<RunningService>): void {
  let closing = false;
  const stop = (running: RunningService) => {
    if (closing) return;
    closing = true;
    setTimeout(() => process.exit(1), FORCE_AFTER_MS).unref();
    running.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  start(process.env).then(
    (running) => {
      process.on('SIGTERM', () => stop(running));
      process.on('SIGINT', () => stop(running));
    },
    (error: unknown) => {
      console.error(isPurserError(error) ? error.message : error);
      process.exit(1);
    },
  );
}

import type { ExecutorResult } from '@purser/plugin-sdk';

/** Thrown from wherever it turns out that the session ends, with how. */
export class SessionOver extends Error {
  readonly result: ExecutorResult;

  constructor(result: ExecutorResult) {
    super('the session is over');
    this.result = result;
  }
}

export const failed = (code: string, message: string): ExecutorResult => ({ kind: 'failed', error: { code, message } });

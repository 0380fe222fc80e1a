export interface Finding {
  state: 'ok' | 'warn' | 'fail';
  what: string;
  /** How to mend it; for everything that is not ok. */
  remedy?: string;
}

export interface Check {
  name: string;
  look: () => Promise<Finding>;
  /** No answer in this time is a failure of its own. */
  withinMs?: number;
  /** Purser starts without what is looked at: it is warned of what else is a failure. */
  optional?: boolean;
}

export interface CheckResult extends Finding {
  name: string;
}

const WITHIN_MS = 15_000;

export const ok = (what: string): Finding => ({ state: 'ok', what });
export const warn = (what: string, remedy: string): Finding => ({ state: 'warn', what, remedy });
export const fail = (what: string, remedy: string): Finding => ({ state: 'fail', what, remedy });

/** Runs one check. One that throws, or does not end, has failed. */
export async function runCheck({ name, look, withinMs = WITHIN_MS, optional }: Check): Promise<CheckResult> {
  const failed = optional ? warn : fail;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(
      () => resolve(failed(`no answer within ${withinMs / 1000} s`, 'Try again; the disk or the network hangs.')),
      withinMs,
    );
  });
  try {
    return { name, ...(await Promise.race([look(), late])) };
  } catch (error) {
    const { message, remedy } = error as Error & { remedy?: string };
    const said = remedy === undefined ? message : message.replace(remedy, '').trim();
    return { name, ...failed(said, remedy ?? 'See the message.') };
  } finally {
    clearTimeout(timer);
  }
}

import { ComputeFailed, clip, oneLine, type VmStartup } from '@purser/plugin-sdk';

/** Google has answered, and the answer is no: nothing was done. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly status: number,
    readonly reason: string | undefined,
    message: string,
  ) {
    super(message);
  }
}

/** As Google's client throws it. Its cause holds the whole request, so that it is never passed on. */
export interface Fault {
  message: string;
  code?: unknown;
  httpStatusCode?: unknown;
}

const RAW = Symbol.for('google-gax.rawHttpResponsePayload');

/** `quotaExceeded`, `alreadyExists` and so on. */
export function reasonOf(fault: Fault): string | undefined {
  const raw = (fault as unknown as Record<symbol, unknown>)[RAW];
  try {
    const body = (typeof raw === 'string' ? JSON.parse(raw) : raw) as {
      error?: { errors?: { reason?: unknown }[] };
    } | null;
    const reason = body?.error?.errors?.find((one) => typeof one.reason === 'string')?.reason;
    return typeof reason === 'string' ? reason : undefined;
  } catch {
    return undefined;
  }
}

/** What is said, without what tokens are asked for with. */
export const brief = (message: string): string =>
  clip(
    oneLine(message)
      .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[secret]')
      .replace(/\b(Bearer|ya29\.)\s*\S+/g, '[secret]'),
    500,
  );

const QUOTA = /quota/i;
/** Limits of how often one asks are over in a moment; those of how much one has are not. */
const RATE = /rateLimit|userRateLimit|RATE_LIMIT|concurrent/i;

export const isBusy = (status: number, reason = ''): boolean =>
  status === 408 ||
  status === 429 ||
  status >= 500 ||
  (status === 403 && RATE.test(reason)) ||
  reason === 'resourceNotReady';

/** What a refusal means for a VM that is wanted, with what a person can do about it. */
export function failed(error: Refused, what: { project: string }): ComputeFailed {
  const { status, reason = '', message } = error;
  if (status === 403 && (QUOTA.test(reason) || /quota .*exceeded/i.test(message)))
    return new ComputeFailed('quota', `${message}. Raise it at ${quotas(what.project)}`);
  if (status === 401)
    return new ComputeFailed(
      'refused',
      `${message}. Sign in: GOOGLE_APPLICATION_CREDENTIALS (or "credentialsEnv") holds the path of a service account’s file`,
    );
  if (status === 403)
    return new ComputeFailed(
      'refused',
      `${message}. Give the account the role for it in project ${what.project}, see docs/guides/compute.md`,
    );
  // Zones do not all have the same machines.
  if ((status === 400 || status === 404) && /machine ?types?\b/i.test(message))
    return new ComputeFailed('stockout', message);
  return new ComputeFailed('refused', message);
}

/** The same error without what a VM is given in its environment, which Google may repeat in what it finds wrong. */
export function withoutSecrets(error: unknown, { component, agent }: VmStartup): unknown {
  if (!(error instanceof Error)) return error;
  for (const value of [...Object.values(agent.env), ...Object.values(component.env)]) {
    if (value.length < SHORTEST_SECRET || !error.message.includes(value)) continue;
    error.message = error.message.replaceAll(value, '[secret]');
    if (error.stack !== undefined) error.stack = error.stack.replaceAll(value, '[secret]');
  }
  return error;
}

const SHORTEST_SECRET = 6;

/** An operation that began and then failed, with nothing done. */
export function operationFailed(errors: readonly { code: string; message: string }[], project: string): ComputeFailed {
  const [first = { code: 'UNKNOWN', message: 'no reason was given' }] = errors;
  const told = `Google: ${first.code}: ${brief(first.message)}`;
  if (/RESOURCE_POOL_EXHAUSTED|STOCKOUT|RESOURCE_AVAILABILITY|INSUFFICIENT_CAPACITY/i.test(first.code))
    return new ComputeFailed('stockout', told);
  if (QUOTA.test(first.code) || /LIMIT_EXCEEDED/i.test(first.code))
    return new ComputeFailed('quota', `${told}. Raise it at ${quotas(project)}`);
  if (/INTERNAL|UNAVAILABLE|BACKEND|TIMEOUT|RESOURCE_NOT_READY/i.test(first.code))
    return new ComputeFailed('unavailable', told);
  return new ComputeFailed('refused', told);
}

const quotas = (project: string): string => `https://console.cloud.google.com/iam-admin/quotas?project=${project}`;

import { ERRORS } from '../errors.js';

/** docs/errors.md: every error code that crosses a process boundary. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, retryable, meaning }]) =>
      `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
  );
  return [
    '# Errors',
    '',
    'An error is `{"error": {"code", "message", "details"}}`: in the body of an HTTP answer, and in the reply on the bus, where the header `Nats-Service-Error-Code` carries the status. Compare `code`; `message` is for people.',
    '',
    '| code | status | the same request may succeed later | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

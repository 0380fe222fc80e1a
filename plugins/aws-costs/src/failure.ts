const REMEDIES: readonly [names: RegExp, remedy: string][] = [
  [
    /^AccessDenied/,
    'give this user or role the permission "ce:GetCostAndUsage" on "*", and in an organization let the management account allow members to see their costs',
  ],
  [
    /^(UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|InvalidAccessKeyId)/,
    'the access key is unknown or its secret is wrong: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key that is active',
  ],
  [/^ExpiredToken/, 'the session has ended: log in again, or use a role that renews itself'],
  [
    /^CredentialsProviderError$|^Credential/,
    'no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "profile", or run with a role',
  ],
  [
    /^DataUnavailable/,
    'Cost Explorer has no data yet: enable it in the console under "Billing and Cost Management"; the first data takes up to 24 hours',
  ],
  [
    /^(LimitExceeded|Throttl|TooManyRequests|RequestLimitExceeded|SlowDown)/,
    'too many requests: it is asked again later',
  ],
  [/^BillExpiration/, 'the period is too old: AWS keeps 14 months by day'],
  [/^(Validation|InvalidParameter)/, 'AWS refuses the question: check "metric", "accounts" and "projectTag"'],
];

/** What AWS or its SDK said, and how to mend it. */
export function explain(error: unknown): string {
  const { name = 'Error', message = String(error) } = (error ?? {}) as { name?: string; message?: string };
  const remedy = REMEDIES.find(([names]) => names.test(name))?.[1] ?? 'it is asked again later';
  return `AWS Cost Explorer: ${name}: ${message.replace(/\.$/, '')}; ${remedy}`;
}

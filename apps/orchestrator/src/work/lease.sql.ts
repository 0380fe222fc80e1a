/** The end of a lease that begins now. */
export const leaseFor = (parameter: string): string =>
  `clock_timestamp() + ${parameter}::integer * interval '1 millisecond'`;

/**
 * Text that others wrote, so that Postgres takes it: NUL, and half a character (as a cut leaves behind), become U+FFFD,
 * wherever they stand in the value. `text` and `jsonb` refuse both, and with them whatever else the statement says.
 */
export function storable<T>(value: T): T {
  return cleaned(value) as T;
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return Buffer.from(value).toString().replaceAll('\0', '\uFFFD');
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [cleaned(key), cleaned(item)]));
}

import type { Operation } from '@purser/contracts';
import { z } from 'zod';

/** The columns of a reply's list; undefined for an operation that has none to give as CSV. */
export function csvColumns({ http, reply }: Operation): string[] | undefined {
  if (http?.csv === undefined) return undefined;
  const list: unknown = reply instanceof z.ZodObject ? (reply.shape as Record<string, unknown>)[http.csv] : undefined;
  const row = list instanceof z.ZodArray ? list.element : undefined;
  if (!(row instanceof z.ZodObject)) throw new TypeError(`${http.path}: "${http.csv}" is no list of objects`);
  return Object.keys(row.shape);
}

/** Whether the client would rather have CSV than JSON: it names it, and not JSON before it. */
export function wantsCsv(accept: string | undefined): boolean {
  const wanted = accept?.split(',').map((one) => one.split(';')[0]?.trim());
  return wanted?.find((type) => type === 'text/csv' || type === 'application/json') === 'text/csv';
}

/** RFC 4180, with a header line. */
export function toCsv(columns: readonly string[], rows: readonly Record<string, unknown>[]): string {
  const lines = rows.map((row) => columns.map((column) => cell(row[column])).join(','));
  return [columns.join(','), ...lines].map((line) => `${line}\r\n`).join('');
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // A spreadsheet would take such a text for a formula; amounts may begin with a minus.
  const safe = /^[=+@\t\r]|^-(?![\d.]+$)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

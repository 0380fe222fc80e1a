/** Whether it is one of the kinds of edits of the context whose names begin so. */
export function isEdit(edit: unknown, beginning: string): boolean {
  const type = (edit as { type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' && type.startsWith(beginning);
}

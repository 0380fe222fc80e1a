const HIDDEN = '[hidden]';
/** Where people put secrets: a program's variables, an MCP server's variables and headers. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(['env', 'headers']);

/** A task's input as others may read it: handoff documents, graders. The names of variables and headers stay. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, SECRET_FIELDS.has(name) ? hidden(part) : withoutSecrets(part)]),
  );
}

function hidden(part: unknown): unknown {
  if (typeof part !== 'object' || part === null) return HIDDEN;
  return Object.fromEntries(Object.keys(part).map((name) => [name, HIDDEN]));
}

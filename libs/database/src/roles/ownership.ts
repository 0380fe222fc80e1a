import pg from 'pg';
import type { Run } from './owner.js';

/**
 * Everything in the schema that the role does not own yet, as ALTER wants it. Indexes, and sequences and types that
 * belong to a column or a table, go with their table.
 */
const FOREIGN = `
  SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS kind,
    format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f', 'c') AND pg_get_userbyid(c.relowner) <> $2
    AND NOT EXISTS (SELECT 1 FROM pg_depend d
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')
  UNION ALL
  SELECT 'ROUTINE', format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = $1 AND pg_get_userbyid(p.proowner) <> $2
  UNION ALL
  SELECT 'TYPE', format('%I.%I', n.nspname, t.typname)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname = $1 AND t.typtype IN ('d', 'e', 'r') AND pg_get_userbyid(t.typowner) <> $2`;

/** Gives the role all that is in the schema. */
export async function takeOver(run: Run, schema: string, role: string): Promise<void> {
  const foreign = await run<{ kind: string; name: string }>(FOREIGN, [schema, role]);
  for (const { kind, name } of foreign) await run(`ALTER ${kind} ${name} OWNER TO ${pg.escapeIdentifier(role)}`);
}

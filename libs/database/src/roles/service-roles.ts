import { PurserError, type ServiceName } from '@purser/contracts';
import pg from 'pg';
import { SERVICE_SCHEMAS } from '../service-schemas.js';
import { asOwner, mayLogIn, type Owner, type Run } from './owner.js';
import { takeOver } from './ownership.js';
import { scramVerifier } from './scram.js';

const SERVICES = Object.keys(SERVICE_SCHEMAS) as ServiceName[];
const MAX_NAME_BYTES = 63;
const quoted = (name: string): string => pg.escapeIdentifier(name);

/**
 * Makes one role for each service, which owns the service's schema and may nothing else, and takes away what everybody
 * may on this database. What is there already stays as it is; schemas of an earlier owner get the new one. `url` is that
 * of the database's owner, who may create roles.
 * @returns the URL of each service's own role
 */
export function ensureServiceRoles(
  url: string,
  passwords: Record<ServiceName, string>,
): Promise<Record<ServiceName, string>> {
  return asOwner(url, async (owner) => {
    const [here] = await owner.run<{ database: string }>('SELECT current_database() AS database');
    const database = here?.database ?? '';
    for (const service of SERVICES) {
      const role = roleName(database, service);
      await owner.transaction(async (run) => {
        await ensureRole(run, role, passwords[service]);
        await ensureSchema(run, SERVICE_SCHEMAS[service], role);
      });
    }
    const roles = SERVICES.map((service) => roleName(database, service));
    await owner.transaction((run) => closeToOthers(run, database, roles));
    const urls = {} as Record<ServiceName, string>;
    for (const service of SERVICES) {
      const role = roleName(database, service);
      urls[service] = urlOf(url, role, passwords[service]);
      await ensurePassword(owner, role, urls[service], passwords[service]);
    }
    return urls;
  });
}

/** Roles belong to the whole server, which may hold the databases of several Pursers: so the database's name is in it. */
function roleName(database: string, service: ServiceName): string {
  const name = `${database}_${service.replaceAll('-', '_')}`;
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  throw new PurserError('invalid_request', {
    message: `the name of the database "${database}" is too long: the role "${name}" would have more than ${MAX_NAME_BYTES} bytes`,
  });
}

async function ensureRole(run: Run, role: string, password: string): Promise<void> {
  const [known] = await run<{ plain: boolean; login: boolean }>(
    `SELECT NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) AS plain,
       rolcanlogin AS login
     FROM pg_roles WHERE rolname = $1`,
    [role],
  );
  if (!known) await run(`CREATE ROLE ${quoted(role)} LOGIN PASSWORD '${scramVerifier(password)}'`);
  else if (!known.plain || !known.login) {
    throw new PurserError('conflict', {
      message: `the role "${role}" exists and ${known.login ? 'may more than a service should' : 'may not log in'}: it is not Purser's. Rename it, or name the database otherwise`,
    });
  }
  // An owner who is no superuser gives objects only to roles that it is a member of; so it can also still dump them.
  const [mine] = await run<{ member: boolean }>(`SELECT pg_has_role($1, 'USAGE') AS member`, [role]);
  if (!mine?.member) await run(`GRANT ${quoted(role)} TO CURRENT_USER`);
}

async function ensureSchema(run: Run, schema: string, role: string): Promise<void> {
  const [known] = await run<{ owner: string }>(
    'SELECT pg_get_userbyid(nspowner) AS owner FROM pg_namespace WHERE nspname = $1',
    [schema],
  );
  if (!known) await run(`CREATE SCHEMA ${quoted(schema)} AUTHORIZATION ${quoted(role)}`);
  else if (known.owner !== role) await run(`ALTER SCHEMA ${quoted(schema)} OWNER TO ${quoted(role)}`);
  await takeOver(run, schema, role);
}

/** By default everybody who may log in to the server may connect to every database and make temporary tables there. */
async function closeToOthers(run: Run, database: string, roles: string[]): Promise<void> {
  const [open] = await run<{ database: boolean; public: boolean }>(
    `SELECT
       EXISTS (SELECT 1 FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
         WHERE d.datname = $1 AND a.grantee = 0) AS database,
       EXISTS (SELECT 1 FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
         WHERE n.nspname = 'public' AND a.grantee = 0) AS public`,
    [database],
  );
  const without = await run<{ role: string }>(
    `SELECT role FROM unnest($2::text[]) role WHERE NOT EXISTS (
       SELECT 1 FROM pg_database d, aclexplode(d.datacl) a
       WHERE d.datname = $1 AND a.grantee = to_regrole(quote_ident(role)) AND a.privilege_type = 'CONNECT')`,
    [database, roles],
  );
  for (const { role } of without) await run(`GRANT CONNECT ON DATABASE ${quoted(database)} TO ${quoted(role)}`);
  if (open?.database) await run(`REVOKE ALL ON DATABASE ${quoted(database)} FROM PUBLIC`);
  if (open?.public) await run('REVOKE ALL ON SCHEMA public FROM PUBLIC');
}

/** The secrets may be other ones than those the role was made with, say after a restored backup. */
async function ensurePassword(owner: Owner, role: string, roleUrl: string, password: string): Promise<void> {
  if (await mayLogIn(roleUrl)) return;
  await owner.run(`ALTER ROLE ${quoted(role)} PASSWORD '${scramVerifier(password)}'`);
}

function urlOf(ownerUrl: string, role: string, password: string): string {
  const url = new URL(ownerUrl);
  url.username = encodeURIComponent(role);
  url.password = encodeURIComponent(password);
  return url.href;
}

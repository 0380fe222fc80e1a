import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { isDead } from '../moving/sessions.js';

/** A place at home whose manager has not said so for longer is not counted on. */
const FRESH = `interval '15 seconds'`;
/** One that is silent and there may hold requests, until the bus has given it up. */
const GIVEN_UP = `interval '10 minutes'`;

const SETTLED = `SELECT component, vm_id, serve_local, since FROM component_places p
  WHERE NOT EXISTS (SELECT FROM moves m WHERE m.component = p.component AND m.step NOT IN ('done', 'failed'))`;

export interface PlaceRow {
  component: string;
  vm_id: string | null;
  serve_local: boolean;
  since: Date;
}

@Injectable()
export class PlacesRepository {
  readonly list: () => Promise<PlaceRow[]>;
  /** Those that are not on the way. */
  readonly settled: () => Promise<PlaceRow[]>;

  constructor(private readonly database: Database) {
    this.list = database.whileUnchanged(['component_places'], () =>
      database.query<PlaceRow>('SELECT component, vm_id, serve_local, since FROM component_places'),
    );
    this.settled = database.whileUnchanged(['component_places', 'moves'], () => database.query<PlaceRow>(SETTLED));
  }

  /** Those that nobody knew of are at home. */
  async ensure(components: readonly string[]): Promise<void> {
    await this.write(
      `INSERT INTO component_places (component, serve_local) SELECT unnest($1::text[]), true ON CONFLICT DO NOTHING`,
      [components],
    );
  }

  private write(sql: string, parameters: unknown[]): Promise<object[]> {
    return this.database.changing(['component_places'], () => this.database.query<object>(sql, parameters));
  }

  async find(component: string): Promise<PlaceRow | undefined> {
    const [row] = await this.database.query<PlaceRow>(
      'SELECT component, vm_id, serve_local, since FROM component_places WHERE component = $1',
      [component],
    );
    return row;
  }

  /** As of now: one that is at home, and not on the way. */
  async staysHome(component: string): Promise<boolean> {
    const rows = await this.database.query(`${SETTLED} AND component = $1 AND vm_id IS NULL`, [component]);
    return rows.length > 0;
  }

  async set(component: string, vmId: string | null, serveLocal: boolean): Promise<void> {
    await this.write(
      `INSERT INTO component_places (component, vm_id, serve_local) VALUES ($1, $2, $3)
       ON CONFLICT (component) DO UPDATE SET vm_id = excluded.vm_id, serve_local = excluded.serve_local,
         since = CASE WHEN component_places.vm_id IS DISTINCT FROM excluded.vm_id THEN now() ELSE component_places.since END`,
      [component, vmId, serveLocal],
    );
  }

  /** From a VM that it is not to be on any more. False when it is on another one by now: then nothing was written. */
  async setHome(component: string, vmId: string | null): Promise<boolean> {
    const rows = await this.write(
      `INSERT INTO component_places AS p (component, serve_local) VALUES ($1, true)
       ON CONFLICT (component) DO UPDATE SET vm_id = NULL, serve_local = true,
         since = CASE WHEN p.vm_id IS NULL THEN p.since ELSE now() END
         WHERE p.vm_id IS NULL OR p.vm_id = $2
       RETURNING component`,
      [component, vmId],
    );
    return rows.length > 0;
  }

  /** To be said before the bus is told, when it is, and again and again: `open` once requests come there. */
  async serving(component: string, instance: string, open: boolean): Promise<void> {
    await this.database.query(
      `INSERT INTO local_servings (component, instance, open) VALUES ($1, $2, $3)
       ON CONFLICT (component, instance) DO UPDATE SET seen_at = now(), open = excluded.open`,
      [component, instance, open],
    );
  }

  async stopped(component: string, instance: string): Promise<void> {
    await this.database.query('DELETE FROM local_servings WHERE component = $1 AND instance = $2', [
      component,
      instance,
    ]);
  }

  /** Whether any manager may still have requests for the place at home: also one that is stalled. */
  async isServedLocally(component: string): Promise<boolean> {
    const rows = await this.database.query(
      `SELECT FROM local_servings
        WHERE component = $1 AND (seen_at > now() - ${FRESH} OR seen_at > now() - ${GIVEN_UP} AND NOT ${isDead('instance')})
        LIMIT 1`,
      [component],
    );
    return rows.length > 0;
  }

  /** Whether requests that come now are taken at home. */
  async isOpenLocally(component: string): Promise<boolean> {
    const rows = await this.database.query(
      `SELECT FROM local_servings WHERE component = $1 AND open AND seen_at > now() - ${FRESH} LIMIT 1`,
      [component],
    );
    return rows.length > 0;
  }
}

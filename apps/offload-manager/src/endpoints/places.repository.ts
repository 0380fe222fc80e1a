import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';

/** A place at home whose manager has not said so for longer is one that a crash has left in the table. */
const FRESH = `interval '15 seconds'`;

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
    await this.database.query(
      `INSERT INTO component_places (component, serve_local) SELECT unnest($1::text[]), true ON CONFLICT DO NOTHING`,
      [components],
    );
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
    await this.database.query(
      `INSERT INTO component_places (component, vm_id, serve_local) VALUES ($1, $2, $3)
       ON CONFLICT (component) DO UPDATE SET vm_id = excluded.vm_id, serve_local = excluded.serve_local,
         since = CASE WHEN component_places.vm_id IS DISTINCT FROM excluded.vm_id THEN now() ELSE component_places.since END`,
      [component, vmId, serveLocal],
    );
  }

  async serving(component: string, instance: string): Promise<void> {
    await this.database.query(
      `INSERT INTO local_servings (component, instance) VALUES ($1, $2)
       ON CONFLICT (component, instance) DO UPDATE SET seen_at = now()`,
      [component, instance],
    );
  }

  async stopped(component: string, instance: string): Promise<void> {
    await this.database.query('DELETE FROM local_servings WHERE component = $1 AND instance = $2', [
      component,
      instance,
    ]);
  }

  /** Whether any manager takes requests for the place at home. */
  async isServedLocally(component: string): Promise<boolean> {
    const rows = await this.database.query(
      `SELECT FROM local_servings WHERE component = $1 AND seen_at > now() - ${FRESH} LIMIT 1`,
      [component],
    );
    return rows.length > 0;
  }
}

import type { ComputeEngine } from './compute-engine.js';
import { keyOf } from './estate.js';
import type { Call } from './faults.js';
import { type InstanceBody, MACHINE_TYPES, regionOf, ZONES } from './resources.js';
import { addressBody, type Answer, diskBody, instanceBody, ok, refusal } from './wire.js';

export interface Asked {
  call: Call;
  method: string;
  path: string;
  query: URLSearchParams;
  authorization: string | undefined;
  body: string;
}

interface OperationError {
  code: string;
  message: string;
}

const VERBS: Record<string, string> = { GET: 'get', POST: 'insert', DELETE: 'delete' };

/** What each request does to the estate, and how it is answered. */
export class Requests {
  private tokens = 0;

  constructor(
    private readonly engine: ComputeEngine,
    private readonly slow: { bootMs: number; deleteMs: number },
  ) {}

  callOf({ method, path }: Asked): Call {
    if (path === '/token') return 'token.get';
    if (path.endsWith(':testIamPermissions')) return 'projects.testIamPermissions';
    const [, , , , , ...rest] = path.split('/');
    if (rest[0] === 'aggregated') return `${rest[1] ?? ''}.aggregatedList`;
    const collection = rest.length % 2 === 1;
    const kind = (collection ? rest.at(-1) : rest.at(-2)) ?? '';
    return `${kind}.${collection && method === 'GET' ? 'list' : (VERBS[method] ?? method)}`;
  }

  answer(asked: Asked, failing: OperationError | undefined): Answer {
    const { engine } = this;
    const { call, path } = asked;
    if (call === 'token.get') return this.token(asked);
    if (engine.refusing || !/^Bearer token-\d+$/.test(asked.authorization ?? ''))
      return refusal(401, 'authError', 'Request had invalid authentication credentials.');
    if (call === 'projects.testIamPermissions') return this.permissions(asked);
    const prefix = `/compute/v1/projects/${engine.project}/`;
    if (!path.startsWith(prefix)) return refusal(404, 'notFound', `The resource '${path}' was not found`);
    const right = rightFor(call, path.slice(prefix.length));
    if (engine.denied.has(right))
      return refusal(403, 'forbidden', `Required '${right}' permission for 'projects/${engine.project}'`);
    const [scopeKind = '', scope = '', , name = ''] = path.slice(prefix.length).split('/');
    switch (call) {
      case 'zones.list':
        return ok({ items: ZONES.filter(this.matches(asked)).map(zoneBody) });
      case 'machineTypes.list':
        return ZONES.includes(scope) ? ok({ items: MACHINE_TYPES }) : this.unknown(`zones/${scope}`);
      case 'instances.insert':
        return this.insert(asked, scope, failing);
      case 'instances.get':
        return this.instance(scope, name);
      case 'instances.delete':
      case 'disks.delete':
      case 'addresses.delete':
        return this.delete(asked, scope, name);
      case 'disks.get': {
        const disk = engine.estate.disks.get(`${scope}/${name}`);
        return disk ? ok(diskBody(engine.project, disk)) : this.unknown(`zones/${scope}/disks/${name}`);
      }
      case 'addresses.get': {
        const address = engine.estate.addresses.get(`${scope}/${name}`);
        return address ? ok(addressBody(engine.project, address)) : this.unknown(`regions/${scope}/addresses/${name}`);
      }
      case 'operations.get':
        return engine.operations.get(`${scopeKind}/${scope}`, name);
      case 'instances.aggregatedList':
      case 'disks.aggregatedList':
      case 'addresses.aggregatedList':
        return this.aggregated(asked, call);
      default:
        return refusal(404, 'notFound', `${call} is not served here`);
    }
  }

  private token({ body }: Asked): Answer {
    const asked = new URLSearchParams(body);
    if (asked.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer' || !asked.get('assertion'))
      return { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } };
    this.tokens += 1;
    return ok({ access_token: `token-${this.tokens}`, expires_in: 3600, token_type: 'Bearer' });
  }

  private permissions({ body }: Asked): Answer {
    const { permissions } = JSON.parse(body) as { permissions: string[] };
    return ok({ permissions: permissions.filter((one) => !this.engine.denied.has(one)) });
  }

  private unknown(what: string): Answer {
    return refusal(404, 'notFound', `The resource 'projects/${this.engine.project}/${what}' was not found`);
  }

  private matches({ query }: Asked): (zone: string) => boolean {
    const region = /region.*\/([a-z0-9-]+)"?$/.exec(query.get('filter') ?? '')?.[1];
    return (zone) => region === undefined || regionOf(zone) === region;
  }

  private insert(asked: Asked, zone: string, failing: OperationError | undefined): Answer {
    const { estate, operations, stockouts, quotaFull } = this.engine;
    const body = JSON.parse(asked.body) as InstanceBody;
    const target = `zones/${zone}/instances/${body.name ?? ''}`;
    const requestId = asked.query.get('requestId');
    const request = `${asked.path} ${asked.body}`;
    const repeated = operations.repeated(requestId, request);
    if (repeated) return repeated;
    const wrong = this.wrongWith(zone, body);
    if (wrong) return wrong;
    if (estate.instances.has(`${zone}/${body.name ?? ''}`))
      return refusal(409, 'alreadyExists', `The resource 'projects/${this.engine.project}/${target}' already exists`);
    const quota = { code: 'QUOTA_EXCEEDED', message: "Quota 'CPUS' exceeded. Limit: 8.0 in region us-central1." };
    const stockout = {
      code: 'ZONE_RESOURCE_POOL_EXHAUSTED',
      message: `The zone 'projects/${this.engine.project}/zones/${zone}' does not have enough resources available to fulfill the request.`,
    };
    const error = failing ?? (quotaFull ? quota : stockouts.has(zone) ? stockout : undefined);
    const instance = error ? undefined : estate.add(zone, body);
    const done = () => instance === undefined || instance.status !== 'STAGING';
    const begun = { scope: `zones/${zone}`, type: 'insert', target, takesMs: this.slow.bootMs, done };
    return operations.begin({ ...begun, ...(error ? { error } : {}) }, requestId, request);
  }

  private wrongWith(zone: string, body: InstanceBody): Answer | undefined {
    if (!ZONES.includes(zone)) return this.unknown(`zones/${zone}`);
    const bad = (field: string, value: unknown) =>
      refusal(400, 'invalid', `Invalid value for field '${field}': '${String(value)}'.`);
    if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(body.name ?? '')) return bad('resource.name', body.name);
    const machine = /^zones\/([^/]+)\/machineTypes\/([^/]+)$/.exec(body.machineType ?? '');
    if (machine?.[1] !== zone || !MACHINE_TYPES.some(({ name }) => name === machine[2]))
      return bad('resource.machineType', body.machineType);
    for (const [label, value] of Object.entries(body.labels ?? {}))
      if (!/^[a-z][a-z0-9_-]{0,62}$/.test(label) || !/^[a-z0-9_-]{0,63}$/.test(value)) return bad('labels', value);
    if (!body.disks?.[0]?.initializeParams?.sourceImage) return bad('resource.disks', 'no image');
    if (!body.networkInterfaces?.length) return bad('resource.networkInterfaces', '');
    const { provisioningModel, onHostMaintenance, automaticRestart, maxRunDuration, instanceTerminationAction } =
      body.scheduling ?? {};
    if (provisioningModel === 'SPOT' && (automaticRestart !== false || onHostMaintenance !== 'TERMINATE'))
      return bad('scheduling', 'spot VMs cannot restart automatically nor migrate');
    if (maxRunDuration !== undefined && (instanceTerminationAction ?? '') === '')
      return bad('scheduling.instanceTerminationAction', '');
    return undefined;
  }

  private instance(zone: string, name: string): Answer {
    const { estate, project } = this.engine;
    const instance = estate.instances.get(`${zone}/${name}`);
    if (!instance) return this.unknown(`zones/${zone}/instances/${name}`);
    return ok(instanceBody(project, instance, this.sizes(zone, name)));
  }

  private sizes(zone: string, name: string): number[] {
    const disks = [...this.engine.estate.disks.values()];
    return disks.filter((disk) => disk.zone === zone && disk.user === name).map(({ sizeGb }) => sizeGb);
  }

  private delete(asked: Asked, scope: string, name: string): Answer {
    const { estate, operations } = this.engine;
    const [kind = ''] = asked.call.split('.');
    const regional = kind === 'addresses';
    const target = `${regional ? 'regions' : 'zones'}/${scope}/${kind}/${name}`;
    const requestId = asked.query.get('requestId');
    const repeated = operations.repeated(requestId, asked.path);
    if (repeated) return repeated;
    const key = `${scope}/${name}`;
    const [instance, disk, address] = [estate.instances.get(key), estate.disks.get(key), estate.addresses.get(key)];
    const begun = { scope: `${regional ? 'regions' : 'zones'}/${scope}`, type: 'delete', target, takesMs: 0 };
    if (kind === 'instances' && instance) {
      estate.end(instance);
      const done = () => !estate.instances.has(keyOf(instance));
      return operations.begin({ ...begun, takesMs: this.slow.deleteMs, done }, requestId, asked.path);
    }
    if (kind === 'disks' && disk) {
      if (disk.user !== undefined) return refusal(400, 'resourceInUseByAnotherResource', `The disk is used`);
      estate.removeDisk(disk);
      return operations.begin(begun, requestId, asked.path);
    }
    if (regional && address) {
      estate.removeAddress(address);
      return operations.begin(begun, requestId, asked.path);
    }
    return this.unknown(target);
  }

  /** One page over all scopes, filtered by one label. */
  private aggregated({ query }: Asked, call: Call): Answer {
    const { estate, project, listsLagMs, pageSize } = this.engine;
    const filter = /^labels\.([a-z0-9_-]+)\s*=\s*"?([a-z0-9_-]+)"?$/.exec(query.get('filter') ?? '');
    if (query.get('filter') && !filter)
      return refusal(400, 'invalid', `Invalid value for field 'filter': '${query.get('filter')}'.`);
    const wanted = (labels: Record<string, string> = {}) => !filter || labels[filter[1] ?? ''] === filter[2];
    const [kind = ''] = call.split('.');
    const all: { scope: string; body: object }[] = [];
    if (kind === 'instances')
      for (const one of estate.listed(listsLagMs))
        if (wanted(one.body.labels))
          all.push({ scope: `zones/${one.zone}`, body: instanceBody(project, one, this.sizes(one.zone, one.name)) });
    if (kind === 'disks')
      for (const one of estate.disks.values())
        if (wanted(one.labels)) all.push({ scope: `zones/${one.zone}`, body: diskBody(project, one) });
    if (kind === 'addresses')
      for (const one of estate.addresses.values())
        if (wanted(one.labels)) all.push({ scope: `regions/${one.region}`, body: addressBody(project, one) });
    const from = Number(query.get('pageToken') ?? 0);
    const items: Record<string, object> = {};
    for (const zone of ZONES) items[`zones/${zone}`] = { warning: { code: 'NO_RESULTS_ON_PAGE' } };
    for (const { scope, body } of all.slice(from, from + pageSize)) {
      const before = (items[scope] as Record<string, object[]> | undefined)?.[kind] ?? [];
      items[scope] = { [kind]: [...before, body] };
    }
    const more = from + pageSize < all.length;
    return ok({
      kind: `compute#${kind}AggregatedList`,
      items,
      ...(more ? { nextPageToken: `${from + pageSize}` } : {}),
    });
  }
}

/** Operations are Google's only things whose rights have the scope in their name. */
function rightFor(call: Call, path: string): string {
  const verb = call.replace('.aggregatedList', '.list').replace('.insert', '.create');
  const scope = path.startsWith('zones/') ? 'zone' : 'region';
  return `compute.${verb.replace(/^operations\./, `${scope}Operations.`)}`;
}

const zoneBody = (name: string): object => ({
  kind: 'compute#zone',
  name,
  status: 'UP',
  region: `https://www.googleapis.com/compute/v1/projects/demo/regions/${regionOf(name)}`,
});

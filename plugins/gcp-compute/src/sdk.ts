import { createRequire } from 'node:module';
import type { AuthClient } from 'google-auth-library';
import type { GcpComputeConfig } from './config.js';

export type Service =
  'instances' | 'disks' | 'addresses' | 'zones' | 'machine_types' | 'zone_operations' | 'region_operations';

/** A call of Google's client before it is dressed up: it can be given up, and answers with the resource as the third. */
export type SdkCall = (
  request: object,
  options: { retry: null; timeout: number; autoPaginate: false },
) => Promise<readonly unknown[]> & { cancel(): void };

interface SdkClient {
  initialize(): Promise<unknown>;
  innerApiCalls: Record<string, SdkCall>;
}

type SdkModule = Record<string, new (options: object) => SdkClient>;

/**
 * Google's clients, each loaded when it is first used, out of its own file: the package's front door loads all hundred of
 * them, and its types are 33 MB (docs/adr/0026).
 */
export class Sdk {
  private readonly clients = new Map<Service, Promise<SdkClient>>();
  private readonly require = createRequire(import.meta.url);

  constructor(
    private readonly config: Pick<GcpComputeConfig, 'apiEndpoint'>,
    private readonly auth: AuthClient,
  ) {}

  async call(service: Service, method: string): Promise<SdkCall> {
    let client = this.clients.get(service);
    if (!client) {
      client = this.open(service);
      this.clients.set(service, client);
      client.catch(() => this.clients.delete(service));
    }
    const call = (await client).innerApiCalls[method];
    if (!call) throw new Error(`Google’s client of ${service} has no ${method}`);
    return call;
  }

  private async open(service: Service): Promise<SdkClient> {
    const name = `${service.replace(/(^|_)([a-z])/g, (_match, _under, letter: string) => letter.toUpperCase())}Client`;
    const module = this.require(`@google-cloud/compute/build/src/v1/${service}_client.js`) as SdkModule;
    const Client = module[name];
    if (!Client) throw new Error(`Google’s package has no ${name}`);
    const { protocol, hostname, port } = new URL(this.config.apiEndpoint);
    const secure = protocol === 'https:';
    const client = new Client({
      fallback: true,
      protocol: secure ? 'https' : 'http',
      apiEndpoint: hostname,
      port: Number(port) || (secure ? 443 : 80),
      authClient: this.auth,
    });
    await client.initialize();
    return client;
  }
}

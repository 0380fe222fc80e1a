import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

const CALL_MS = 10_000;
const POLL_SECONDS = 60;
const AFTER_FAILURE_MS = 5_000;

const Token = z.object({ access_token: z.string().min(1) });

export interface GoogleAddresses {
  metadataUrl: string;
  computeUrl: string;
}

async function metadata(url: string, path: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(`${url}/computeMetadata/v1/${path}`, {
    headers: { 'Metadata-Flavor': 'Google' },
    signal,
  });
  if (!response.ok) throw new Error(`the metadata server answers ${path} with ${response.status}`);
  return response;
}

/** Resolves when Google says that it takes this instance away; until then it asks, by a long poll. */
export async function preempted(metadataUrl: string, signal: AbortSignal): Promise<void> {
  let etag = '0';
  for (;;) {
    try {
      const path = `instance/preempted?wait_for_change=true&timeout_sec=${POLL_SECONDS}&last_etag=${encodeURIComponent(etag)}`;
      const bound = AbortSignal.any([signal, AbortSignal.timeout((POLL_SECONDS + 10) * 1_000)]);
      const response = await metadata(metadataUrl, path, bound);
      etag = response.headers.get('etag') ?? '0';
      if ((await response.text()).trim() === 'TRUE') return;
    } catch {
      signal.throwIfAborted();
      await pause(AFTER_FAILURE_MS, undefined, { signal });
    }
  }
}

/** Deletes the instance that this runs on, by the rights of its own service account. */
export async function deleteOwnInstance({ metadataUrl, computeUrl }: GoogleAddresses): Promise<void> {
  const signal = AbortSignal.timeout(CALL_MS);
  const text = async (path: string) => (await (await metadata(metadataUrl, path, signal)).text()).trim();
  const token = Token.parse(
    await (await metadata(metadataUrl, 'instance/service-accounts/default/token', signal)).json(),
  );
  // "projects/<number>/zones/<zone>"
  const zone = (await text('instance/zone')).split('/').at(-1) ?? '';
  const parts = ['projects', await text('project/project-id'), 'zones', zone, 'instances', await text('instance/name')];
  const response = await fetch(`${computeUrl}/compute/v1/${parts.map(encodeURIComponent).join('/')}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token.access_token}` },
    signal,
  });
  if (!response.ok && response.status !== 404) throw new Error(`Compute Engine answers with ${response.status}`);
}

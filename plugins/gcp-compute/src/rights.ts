import type { AuthClient } from 'google-auth-library';
import { z } from 'zod';
import { type GcpComputeConfig, isGoogles } from './config.js';

/** All that the driver asks Compute Engine for. The role in docs/guides/compute.md has the same. */
export const RIGHTS: readonly string[] = [
  'compute.addresses.delete',
  'compute.addresses.get',
  'compute.addresses.list',
  'compute.disks.create',
  'compute.disks.delete',
  'compute.disks.get',
  'compute.disks.list',
  'compute.disks.setLabels',
  'compute.instances.create',
  'compute.instances.delete',
  'compute.instances.get',
  'compute.instances.list',
  'compute.instances.setLabels',
  'compute.instances.setMetadata',
  'compute.machineTypes.list',
  'compute.regionOperations.get',
  'compute.subnetworks.use',
  'compute.zoneOperations.get',
  'compute.zones.list',
];

export const rightsFor = ({ externalAddress, serviceAccount }: GcpComputeConfig): string[] => [
  ...RIGHTS,
  ...(externalAddress ? ['compute.subnetworks.useExternalIp'] : []),
  ...(serviceAccount === undefined ? [] : ['compute.instances.setServiceAccount']),
];

const Granted = z.object({ permissions: z.array(z.string()).default([]) });

/** Which rights the account lacks in the project; undefined when Resource Manager does not say. */
export async function missingRights(
  auth: AuthClient,
  config: GcpComputeConfig & { project: string },
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const base = isGoogles(config) ? 'https://cloudresourcemanager.googleapis.com' : config.apiEndpoint;
  const wanted = rightsFor(config);
  const response = await auth.request({
    url: new URL(`/v1/projects/${config.project}:testIamPermissions`, base),
    method: 'POST',
    data: { permissions: wanted },
    signal,
    timeout: 30_000,
    validateStatus: () => true,
  });
  if (response.status !== 200) return undefined;
  const { permissions } = Granted.parse(response.data);
  return wanted.filter((one) => !permissions.includes(one));
}

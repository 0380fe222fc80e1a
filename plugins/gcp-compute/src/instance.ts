import { createHash } from 'node:crypto';
import type { VmSpec } from '@purser/plugin-sdk';
import { cloudInit } from './cloud-init.js';
import { type GcpComputeConfig, regionOf } from './config.js';

/** A VM as Compute Engine is asked for it. */
export function instance(spec: VmSpec, config: GcpComputeConfig): object {
  const { name, zone, machineType, spot, diskGb, maxRunSeconds, labels, startup } = spec;
  const { image, diskType, network, subnetwork, externalAddress, serviceAccount, scopes } = config;
  return {
    name,
    description: 'Made by Purser, which deletes it',
    machineType: `zones/${zone}/machineTypes/${machineType}`,
    labels,
    metadata: {
      items: Object.entries({
        'user-data': cloudInit(startup),
        'block-project-ssh-keys': 'true',
        'serial-port-enable': 'false',
        'cos-update-strategy': 'update_disabled',
      }).map(([key, value]) => ({ key, value })),
    },
    scheduling: {
      provisioningModel: spot ? 'SPOT' : 'STANDARD',
      instanceTerminationAction: 'DELETE',
      maxRunDuration: { seconds: Math.ceil(maxRunSeconds) },
      automaticRestart: false,
      onHostMaintenance: spot ? 'TERMINATE' : 'MIGRATE',
    },
    disks: [
      {
        boot: true,
        autoDelete: true,
        initializeParams: {
          sourceImage: image,
          diskSizeGb: String(diskGb),
          diskType: `zones/${zone}/diskTypes/${diskType}`,
          labels,
        },
      },
    ],
    networkInterfaces: [
      {
        network: qualified(network, 'global/networks'),
        ...(subnetwork === undefined
          ? {}
          : { subnetwork: qualified(subnetwork, `regions/${regionOf(zone)}/subnetworks`) }),
        accessConfigs: externalAddress ? [{ name: 'External NAT', type: 'ONE_TO_ONE_NAT' }] : [],
      },
    ],
    serviceAccounts: serviceAccount === undefined ? [] : [{ email: serviceAccount, scopes }],
    shieldedInstanceConfig: { enableSecureBoot: true, enableVtpm: true, enableIntegrityMonitoring: true },
  };
}

const qualified = (path: string, parent: string): string => (path.includes('/') ? path : `${parent}/${path}`);

/**
 * Google takes an id for one request alone: the same wish in another zone, or with other secrets, is another one. What comes
 * of an earlier one is found by the VM's name.
 */
export function requestIdOf(spec: Pick<VmSpec, 'requestId' | 'zone'>, resource: object): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([spec.requestId, spec.zone, resource]))
    .digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

import type { Address, Disk, Instance } from './resources.js';

export interface Answer {
  status: number;
  body: unknown;
}

export const ok = (body: unknown): Answer => ({ status: 200, body });

export const refusal = (status: number, reason: string, message: string): Answer => ({
  status,
  body: { error: { code: status, message, errors: [{ message, domain: 'global', reason }] } },
});

const GOOGLE = 'https://www.googleapis.com/compute/v1/projects';
const time = (at: number): string => new Date(at).toISOString();

export const instanceBody = (project: string, instance: Instance, diskSizes: readonly number[]): object => {
  const { id, name, zone, body, createdAt, status } = instance;
  return {
    ...body,
    kind: 'compute#instance',
    id,
    name,
    zone: `${GOOGLE}/${project}/zones/${zone}`,
    machineType: `${GOOGLE}/${project}/zones/${zone}/machineTypes/${body.machineType?.split('/').at(-1) ?? ''}`,
    creationTimestamp: time(createdAt),
    status,
    selfLink: `${GOOGLE}/${project}/zones/${zone}/instances/${name}`,
    disks: diskSizes.map((sizeGb, index) => ({
      kind: 'compute#attachedDisk',
      diskSizeGb: String(sizeGb),
      boot: index === 0,
      autoDelete: body.disks?.[index]?.autoDelete ?? false,
    })),
  };
};

export const diskBody = (project: string, disk: Disk): object => ({
  kind: 'compute#disk',
  id: disk.id,
  name: disk.name,
  labels: disk.labels,
  sizeGb: String(disk.sizeGb),
  status: 'READY',
  creationTimestamp: time(disk.createdAt),
  zone: `${GOOGLE}/${project}/zones/${disk.zone}`,
  ...(disk.user === undefined ? {} : { users: [`${GOOGLE}/${project}/zones/${disk.zone}/instances/${disk.user}`] }),
});

export const addressBody = (project: string, address: Address): object => ({
  kind: 'compute#address',
  id: address.id,
  name: address.name,
  labels: address.labels,
  address: '203.0.113.7',
  status: 'RESERVED',
  creationTimestamp: time(address.createdAt),
  region: `${GOOGLE}/${project}/regions/${address.region}`,
});

/** As Compute Engine's REST interface spells them, as far as Purser reads or sets them. */
export interface InstanceBody {
  name?: string;
  machineType?: string;
  labels?: Record<string, string>;
  description?: string;
  metadata?: { items?: { key: string; value: string }[] };
  scheduling?: {
    provisioningModel?: string;
    instanceTerminationAction?: string;
    maxRunDuration?: { seconds?: string | number };
    automaticRestart?: boolean;
    onHostMaintenance?: string;
    preemptible?: boolean;
  };
  disks?: {
    boot?: boolean;
    autoDelete?: boolean;
    initializeParams?: {
      diskSizeGb?: string;
      sourceImage?: string;
      diskType?: string;
      diskName?: string;
      labels?: Record<string, string>;
    };
  }[];
  networkInterfaces?: { network?: string; subnetwork?: string; accessConfigs?: { type?: string }[] }[];
  serviceAccounts?: { email?: string; scopes?: string[] }[];
  shieldedInstanceConfig?: Record<string, boolean>;
}

export type InstanceStatus = 'PROVISIONING' | 'STAGING' | 'RUNNING' | 'STOPPING' | 'TERMINATED';

export interface Instance {
  id: string;
  name: string;
  zone: string;
  body: InstanceBody;
  createdAt: number;
  status: InstanceStatus;
  /** When it is gone, which may be to come. */
  endsAt: number;
  /** What happens then: it is deleted, or only stopped. */
  ending: 'delete' | 'stop';
}

export interface Disk {
  id: string;
  name: string;
  zone: string;
  labels: Record<string, string>;
  sizeGb: number;
  createdAt: number;
  /** The instance that it is attached to. */
  user: string | undefined;
  /** Goes with its instance. */
  autoDelete: boolean;
}

export interface Address {
  id: string;
  name: string;
  region: string;
  labels: Record<string, string>;
  createdAt: number;
}

export interface MachineTypeRow {
  name: string;
  guestCpus: number;
  memoryMb: number;
  accelerators?: { guestAcceleratorType: string; guestAcceleratorCount: number }[];
  architecture?: 'ARM64' | 'X86_64';
}

/** Some that there really are, with their real sizes. */
export const MACHINE_TYPES: readonly MachineTypeRow[] = [
  { name: 'e2-small', guestCpus: 2, memoryMb: 2048 },
  { name: 'e2-standard-2', guestCpus: 2, memoryMb: 8192 },
  { name: 'e2-highmem-2', guestCpus: 2, memoryMb: 16384 },
  { name: 'e2-highmem-4', guestCpus: 4, memoryMb: 32768 },
  { name: 'm1-megamem-96', guestCpus: 96, memoryMb: 1468006, architecture: 'X86_64' },
  { name: 't2a-standard-4', guestCpus: 4, memoryMb: 16384, architecture: 'ARM64' },
  {
    name: 'a2-highgpu-1g',
    guestCpus: 12,
    memoryMb: 87040,
    architecture: 'X86_64',
    accelerators: [{ guestAcceleratorType: 'nvidia-tesla-a100', guestAcceleratorCount: 1 }],
  },
];

export const ZONES: readonly string[] = ['us-central1-a', 'us-central1-b', 'us-central1-c', 'europe-west1-b'];

export const regionOf = (zone: string): string => zone.slice(0, zone.lastIndexOf('-'));

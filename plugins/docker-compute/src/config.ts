import { z } from 'zod';

const MachineTypeConfig = z.strictObject({
  name: z.string().regex(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/, 'small letters, digits and "-", such as "docker-2g"'),
  memoryMb: z.int().min(64),
  cpus: z.number().min(0.1).max(1_024),
});

export const DockerComputeConfig = z.strictObject({
  /** Where Docker is; DOCKER_HOST when left out, else this machine's socket. */
  host: z
    .string()
    .regex(
      /^(unix:\/\/\/.+|(tcp|https?):\/\/[A-Za-z0-9._-]+:\d{1,5})$/,
      'an address such as "unix:///var/run/docker.sock" or "tcp://10.0.0.5:2375"',
    )
    .optional(),
  /** Whether that is the machine that Purser runs on; left out, one behind a socket or a name of this machine is. */
  sameMachine: z.boolean().optional(),
  /** The Docker network that VMs join; it must have a way to the bus. */
  network: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'the name of a network such as "purser_purser"')
    .default('bridge'),
  /** Those larger than the Docker host are not offered. */
  machineTypes: z
    .array(MachineTypeConfig)
    .min(1)
    .default([
      { name: 'docker-1g', memoryMb: 1_024, cpus: 1 },
      { name: 'docker-2g', memoryMb: 2_048, cpus: 1 },
      { name: 'docker-4g', memoryMb: 4_096, cpus: 2 },
      { name: 'docker-8g', memoryMb: 8_192, cpus: 2 },
    ]),
});
export type DockerComputeConfig = z.output<typeof DockerComputeConfig>;

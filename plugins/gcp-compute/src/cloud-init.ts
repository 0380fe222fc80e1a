import { AGENT_COMMAND, ComputeFailed, type VmStartup } from '@purser/plugin-sdk';

const FOLDER = '/etc/purser';
/** The volume of what is shared, where anything is. */
const SHARED = 'purser-shared';

/** How the agent knows by which way its VM is ended. */
const PLATFORM = { PURSER_VM_PLATFORM: 'gcp' };

/**
 * What a Container-Optimized OS does at its start: two containers on the VM's own network, the component and the agent that
 * speaks for it, each begun again when it ends. Secrets are in files that only root reads, never on a command line. JSON is
 * YAML, so that nothing in it can be taken for anything else.
 */
export function cloudInit({ component, agent, shared }: VmStartup): string {
  const agentCommand = agent.command ?? AGENT_COMMAND;
  const containers: Container[] = [
    { name: 'component', ...component },
    { name: 'agent', image: agent.image, command: agentCommand, env: { ...agent.env, ...PLATFORM } },
  ];
  const files = containers.flatMap(({ name, image, command, env, entrypoint }) => [
    file(`${FOLDER}/${name}.env`, envFile(name, env)),
    file(`${FOLDER}/${name}.sh`, script({ name, image, command, entrypoint }, shared)),
    file(`/etc/systemd/system/purser-${name}.service`, unit(name, image)),
  ]);
  const units = containers.map(({ name }) => `purser-${name}.service`);
  const runcmd = [['systemctl', 'daemon-reload'], ...units.map((one) => ['systemctl', 'start', '--no-block', one])];
  return `#cloud-config\n${JSON.stringify({ write_files: files, runcmd }, null, 1)}\n`;
}

const file = (path: string, content: string) => ({ path, owner: 'root:root', permissions: '0600', content });

/** Docker reads a value up to the end of its line, with no way to write a line's end in it. */
function envFile(container: string, env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || /[\r\n\0]/.test(value))
        throw new ComputeFailed(
          'refused',
          `the ${container}’s ${name} cannot be set: it has a line break in it, or its name a sign that is none of a variable’s`,
        );
      return `${name}=${value}\n`;
    })
    .join('');
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

interface Container {
  name: string;
  image: string;
  entrypoint?: string | undefined;
  command: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** Whichever of the two is begun first makes it, for both. */
const volume = ({ folder, user }: NonNullable<VmStartup['shared']>) => ({
  made: [
    `docker volume create ${SHARED} >/dev/null`,
    `chmod 1777 "$(docker volume inspect -f '{{.Mountpoint}}' ${SHARED})"`,
  ],
  given: `-v ${SHARED}:${folder} --user ${user}`,
});

const script = ({ name, image, entrypoint, command }: Omit<Container, 'env'>, shared: VmStartup['shared']): string =>
  [
    'set -eu',
    `docker rm -f ${name} >/dev/null 2>&1 || true`,
    ...(shared ? volume(shared).made : []),
    [
      `exec docker run --rm --name ${name} --network host`,
      '--security-opt no-new-privileges --log-driver json-file --log-opt max-size=10m --log-opt max-file=3',
      `--env-file ${FOLDER}/${name}.env`,
      ...(shared ? [volume(shared).given] : []),
      ...(entrypoint === undefined ? [] : [`--entrypoint ${quoted(entrypoint)}`]),
      ...[image, ...command].map(quoted),
    ].join(' '),
    '',
  ].join('\n');

/** Google's own registries want the VM's token. */
const REGISTRY = /^([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)\//;

function unit(name: string, image: string): string {
  const registry = REGISTRY.exec(image)?.[1];
  return [
    '[Unit]',
    `Description=Purser ${name}`,
    'Wants=network-online.target docker.service',
    'After=network-online.target docker.service',
    '',
    '[Service]',
    // The system's own home is read-only.
    'Environment=HOME=/var/lib/purser',
    'StateDirectory=purser',
    ...(registry ? [`ExecStartPre=/usr/bin/docker-credential-gcr configure-docker --registries=${registry}`] : []),
    `ExecStart=/bin/sh ${FOLDER}/${name}.sh`,
    `ExecStop=/usr/bin/docker stop ${name}`,
    'Restart=always',
    'RestartSec=2',
    '',
  ].join('\n');
}

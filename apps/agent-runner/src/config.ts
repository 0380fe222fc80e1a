import { milliseconds, port, serviceSettings, wholeBetween } from '@purser/service';
import { z } from 'zod';

const HOURS = 'a number of hours from 0 to 100000, such as 24';

/** Loose, so that plugins can be given the secrets they name: all else that the environment holds stays readable here. */
export const Config = z.looseObject({
  ...serviceSettings,
  PURSER_RUNNER_PORT: port(8083),
  /** Sessions that run here at once. */
  PURSER_RUNNER_SLOTS: wholeBetween(1, 100, 'a number of sessions from 1 to 100, such as 4').default(4),
  /** How long a program may take to wrap up before it is killed. */
  PURSER_GRACE_MS: milliseconds(10_000),
  /** How much longer than that a program may take that is in the middle of a long unit and says so. */
  PURSER_EXTENSION_MAX_MS: milliseconds(300_000),
  /** Where the control API of sessions listens; each session has a secret path of its own. */
  PURSER_CONTROL_HOST: z.string().min(1).default('127.0.0.1'),
  PURSER_CONTROL_PORT: port(0),
  /** The host under which programs reach it, such as those in containers: PURSER_CONTROL_HOST unless said. */
  PURSER_CONTROL_ADVERTISED_HOST: z.string().min(1).optional(),
  /** Whether tasks may run containers here. */
  PURSER_CONTAINERS: z.stringbool('true or false').default(false),
  /** The socket of a gate that makes them; without it the runner starts one, which speaks to Docker itself. */
  PURSER_CONTAINERS_GATE: z.string().startsWith('/', 'a path such as /run/purser-containers/docker.sock').optional(),
  /** Where programs reach the model gateway. */
  PURSER_GATEWAY_URL: z
    .url({ protocol: /^https?$/, error: 'a URL such as http://127.0.0.1:8080' })
    .default('http://127.0.0.1:8080'),
  /** Where programs reach the control API, to hand in tasks that are parts of their own. */
  PURSER_API_URL: z
    .url({ protocol: /^https?$/, error: 'a URL such as http://127.0.0.1:8081' })
    .default('http://127.0.0.1:8081'),
  /** Of a task: older ones are there for the case that a newer one turns out to be damaged. */
  PURSER_CHECKPOINTS_KEPT: wholeBetween(1, 100, 'a number of checkpoints from 1 to 100, such as 5').default(5),
  /** What the addresses of tasks' repositories may begin with, separated by commas; any when it is empty. */
  PURSER_WORKSPACE_REPOSITORIES: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((prefix) => prefix.trim())
        .filter((prefix) => prefix !== ''),
    ),
  /** For pushes over https to that GitHub, and pull requests there. */
  GITHUB_TOKEN: z.string().min(1).optional(),
  GITHUB_API_URL: z
    .url({ protocol: /^https?$/, error: 'a URL such as https://api.github.com' })
    .default('https://api.github.com'),
  /** How long the workspace of a finished task stays. */
  PURSER_WORKSPACE_KEEP_HOURS: z.coerce.number(HOURS).min(0, HOURS).max(100_000, HOURS).default(24),
});
export type Config = z.output<typeof Config>;

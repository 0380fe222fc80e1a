import { Config, startStopper } from './index.js';

const say = (msg: string): void => {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), service: 'docker-stopper', msg })}\n`);
};

const settings = Config.safeParse(process.env);
if (!settings.success) {
  for (const { path, message } of settings.error.issues)
    process.stderr.write(`${path.join('.')} is not valid: expected ${message}\n`);
  process.exit(1);
}
const { PURSER_DOCKER_SOCKET: engine, PURSER_STOPPER_SOCKET: listen } = settings.data;
const server = await startStopper({ engine, listen, say });
say(`started on ${listen}`);
for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.on(name, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });

import { Config, runAgent } from './index.js';

const say = (msg: string, fields: object = {}): void => {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), service: 'vm-agent', msg, ...fields })}\n`);
};

const settings = Config.safeParse(process.env);
if (!settings.success) {
  for (const { path, message } of settings.error.issues)
    process.stderr.write(`${path.join('.')} is not valid: ${message}\n`);
  process.exit(1);
}
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort());
await runAgent(settings.data, say, stop.signal);
process.exit(0);

// The gate as a process of its own. Imports here name .ts files, so that specs run this very file with Node's type
// stripping, without a build; tsc rewrites them to .js.
import { Gate } from './gate.ts';
import { GateSettings } from './settings.ts';

const say = (msg: string): void => {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), service: 'docker-gate', msg })}\n`);
};
// Whoever reads it may be gone, which is when containers are to be removed.
process.stdout.on('error', () => undefined);

const settings = GateSettings.safeParse(process.env);
if (!settings.success) {
  for (const { path, message } of settings.error.issues)
    process.stderr.write(`${path.join('.')} is not valid: ${message}\n`);
  process.exit(1);
}
const gate = await Gate.start(settings.data, say);
let closing = false;
const close = (): void => {
  if (closing) return;
  closing = true;
  void gate.close().finally(() => process.exit(0));
};
const ownsInput = settings.data.PURSER_GATE_ENDS_WITH_STDIN;
// A signal to all of a unit's processes is the starter's to act on: its sessions wrap up in containers that are there still.
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, ownsInput ? () => undefined : close);
if (ownsInput) process.stdin.on('end', close).on('error', close).resume();
say(`started for ${settings.data.PURSER_GATE_INSTALLATION} as process ${process.pid}`);

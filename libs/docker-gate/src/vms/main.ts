// The gate for VMs as a process of its own.
import { VmGate } from './vm-gate.ts';
import { VmGateSettings } from './vm-settings.ts';

const say = (msg: string): void => {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), service: 'vm-gate', msg })}\n`);
};
const settings = VmGateSettings.safeParse(process.env);
if (!settings.success) {
  for (const { path, message } of settings.error.issues)
    process.stderr.write(`${path.join('.')} is not valid: ${message}\n`);
  process.exit(1);
}
const gate = await VmGate.start(settings.data, say);
let closing = false;
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  process.on(name, () => {
    if (closing) return;
    closing = true;
    void gate.close().finally(() => process.exit(0));
  });
say(`started for ${settings.data.PURSER_GATE_INSTALLATION} on ${settings.data.PURSER_GATE_SOCKET}`);

import type { ExecutorSession } from '@purser/plugin-sdk';
import { contractVariables, type StartOrder, VM_SESSION, VM_STATE, VM_WORKSPACE } from '@purser/program-session';
import type { PlacedInput } from './placed-input.js';

/** Where they are on a VM, whose folder its agent knows. */
const PLACES = {
  PURSER_STATE_DIR: VM_STATE,
  PURSER_INPUT: `${VM_SESSION}/input.json`,
  PURSER_HANDOFF: `${VM_STATE}/handoff.md`,
};
const OWN_PLACES = { HOME: VM_WORKSPACE, TMPDIR: `${VM_SESSION}/tmp` };

/** What the agent is told to start, and the addresses that the program may reach through the runner. */
export function startOrder(
  session: ExecutorSession,
  { argv, entrypoint = [], cwd, env }: PlacedInput,
): { order: StartOrder; addresses: string[] } {
  const through = Object.entries(session.environment).filter(([, value]) => value.startsWith('http://'));
  const contract = contractVariables(session, { stateDir: '', input: '', handoff: '' });
  const inside: Record<string, string> = { ...PLACES };
  for (const [name, place] of Object.entries(OWN_PLACES)) if (env[name] === undefined) inside[name] = place;
  const order = {
    argv: [...entrypoint, ...argv],
    cwd,
    env: { ...env, ...contract },
    inside,
    through: through.map(([name]) => name),
  };
  return { order, addresses: through.map(([, value]) => value) };
}

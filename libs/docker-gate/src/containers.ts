import { Listed } from './answers.ts';
import { answerOf } from './engine.ts';
import { isGateAlive } from './gates.ts';
import { LABELS } from './labels.ts';
import { requestFor } from './rules.ts';
import type { GateSettings } from './settings.ts';
import type { Watches } from './watches.ts';

/** Made, but the engine's answer got lost: by then whoever made it would watch it. */
const UNWATCHED_SECONDS = 60;

/** One that the engine cannot get rid of is in nobody's way then. */
const ENDED = ['exited', 'dead', 'removing'];

/** @returns whether it is gone */
export async function removeContainer({ PURSER_GATE_ENGINE: engine, ...own }: GateSettings, id: string) {
  const { status } = await answerOf(engine, requestFor({ do: 'remove', id }, own.PURSER_GATE_INSTALLATION));
  // 409: somebody else is removing it.
  return status === 204 || status === 404 || status === 409;
}

/**
 * Removes what nobody watches: containers of gates that are dead, and of this gate's own name what is watched by nobody for
 * a while; all of it when it is the `first`, before which the gate makes none.
 * @returns what was removed, as ids, and whether nothing of that was at work
 */
export async function sweep(
  settings: GateSettings,
  watches: Watches,
  first: boolean,
): Promise<{ removed: string[]; clean: boolean }> {
  const { PURSER_GATE_ENGINE: engine, PURSER_GATE_FOLDER: folder, PURSER_GATE_NAME: name } = settings;
  const { status, text } = await answerOf(engine, requestFor({ do: 'list' }, settings.PURSER_GATE_INSTALLATION));
  if (status !== 200) throw new Error(`the engine answered ${status} to a list of containers`);
  const removed: string[] = [];
  let clean = true;
  // By the engine's clock, which is this machine's, in whole seconds.
  const before = first ? Infinity : Date.now() / 1_000 - UNWATCHED_SECONDS;
  for (const { Id: id, Labels, Created, State } of Listed.parse(JSON.parse(text))) {
    if (watches.has(id)) continue;
    const gate = Labels?.[LABELS.gate];
    const lost = gate === name && Created < before;
    const orphan = gate !== name && !(await isGateAlive(folder, gate));
    if (!lost && !orphan) continue;
    if (!ENDED.includes(State)) clean = false;
    if (await removeContainer(settings, id)) removed.push(id);
  }
  return { removed, clean };
}

import { type Environment, PurserSession as Session } from './session.ts';
import { type Unit, type UnitsOptions, workOff } from './units.ts';

export {
  type Amounts,
  NothingDone,
  type Progress,
  type Resources,
  type Unknown,
  UnknownOutcome,
  type WrapAnswer,
} from './answers.ts';
export { ControlError } from './ask.ts';
export type { EffectOptions, Environment } from './session.ts';
export type { Unit, UnitsOptions } from './units.ts';

/** This program's session of a Purser task. */
export class Purser extends Session {
  /** Works off a list over as many sessions as it takes, and resumes at the right unit by itself. */
  units<Item, State = undefined>(
    items: readonly Item[],
    work: (item: Item, unit: Unit<State>) => Promise<State | void> | State | void,
    options: UnitsOptions<State> = {},
  ): Promise<State> {
    return workOff(this, items, work, options);
  }
}

/** Rejects when this program is not run by Purser, or its session is over. */
export async function connect(env: Environment = process.env): Promise<Purser> {
  const url = env.PURSER_CONTROL_URL;
  if (!url) throw new Error('PURSER_CONTROL_URL is not set: this program is not run as a task of Purser');
  const purser = new Purser(url, env);
  await purser.resources();
  return purser;
}

export const LABELS = {
  /** The installation. Put on by the gate alone, and looked at before anything is done to a container. */
  managed: 'purser.managed',
  /** The gate that watches it. */
  gate: 'purser.gate',
  session: 'purser.session',
  task: 'purser.task',
  epoch: 'purser.epoch',
  /** What an emergency stops, as config/emergency.json has it unless that was changed. */
  stop: 'purser.stop',
  /** What an emergency leaves alone, unless it is "false". */
  protect: 'purser.protect',
} as const;

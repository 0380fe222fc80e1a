export const VM_LABELS = {
  /** The installation. Put on by the gate alone, and looked at before anything is done to a container of a VM. */
  gate: 'purser.vm-gate',
  /** Unix seconds, put on by the gate: it removes what is still there then. */
  ends: 'purser.vm-ends',
  name: 'purser.vm-name',
  part: 'purser.part',
  memoryMb: 'purser.memory-mb',
  /** Put on a component by the gate. */
  nanoCpus: 'purser.vm-nano-cpus',
  /** What an operator puts on a container that is a component: it may be started and stopped, and nothing else. */
  component: 'purser.component',
  /** Whose component it is, where that is not told by its compose project. */
  componentOf: 'purser.component.installation',
  project: 'com.docker.compose.project',
  managed: 'purser.managed',
  protect: 'purser.protect',
} as const;

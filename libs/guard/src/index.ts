export type { RunAs } from './guard-protocol.js';
export { type GuardedCommand, type GuardedCommandEnd, runGuarded } from './guarded-command.js';
export {
  GuardedProgram,
  type GuardOptions,
  type Isolation,
  type ProgramEnd,
  type ProgramSpec,
} from './guarded-program.js';
export { giveFolder, giveWorkspace } from './give-folder.js';
export { inheritedVariables, type InheritanceSources } from './inherited-variables.js';
export { OpenFolder } from './open-folder.js';
export { OutputPipes } from './output-pipes.js';
export { LINE_LIMIT, pumpLines, Tail } from './output.js';
export { endTrees, type EndTreesOptions, type TreeEnd } from './end-trees.js';
export { ownPidNamespace } from './pid-namespace.js';
export { chooseUser, type ProgramUser } from './program-user.js';
export type { ProcessEntry } from './process-table.js';
export { environmentOf, namesOf, type RunningProgram, runningPrograms } from './running-programs.js';

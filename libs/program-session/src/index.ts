export { ARCHIVE_LIMIT, pack, unpack } from './archive.js';
export { attend, type Attendance, type AttendedProgram } from './attend.js';
export { contractVariables, type ContractPaths } from './environment.js';
export { Arguments, TaskVariables, text } from './input.js';
export { FILE_LIMIT, LARGE_LIMIT, SessionFiles } from './session-files.js';
export {
  LINK_MEMORY_MB,
  LINK_WINDOW_BYTES,
  PROBLEM,
  StartOrder,
  TARGET,
  VM_FILES,
  VM_PATHS,
  VM_SESSION,
  VM_STATE,
  VM_WORKSPACE,
  type VmFile,
  VmNews,
} from './vm-protocol.js';

export { ARCHIVE_LIMIT, pack, unpack } from './archive.js';
export { LINK_MEMORY_MB, LINK_WINDOW_BYTES, PROBLEM } from './vm-protocol.js';
export { attend, type Attendance, type AttendedProgram } from './attend.js';
export { contractVariables, type ContractPaths } from './environment.js';
export { Arguments, TaskVariables, text } from './input.js';
export { FILE_LIMIT, LARGE_LIMIT, SessionFiles } from './session-files.js';
export { StartOrder, TARGET, VM_PATHS, VM_SESSION, VM_STATE, VM_WORKSPACE, VmNews } from './vm-protocol.js';

export { attend, type Attendance, type AttendedProgram } from './attend.js';
export { contractVariables, type ContractPaths } from './environment.js';
export { Arguments, TaskVariables, text } from './input.js';
export { SessionFiles } from './session-files.js';

export { LABELS } from './labels.ts';
export { LONGEST_WATCH_MS } from './rules.ts';
export { socketOf } from './gates.ts';
export { OwnGate, type OwnGateSettings } from './own-gate.ts';

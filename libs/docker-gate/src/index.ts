export { allowsImage } from './create-body.ts';
export { LABELS } from './labels.ts';
export { LONGEST_WATCH_MS } from './rules.ts';
export { socketOf } from './gates.ts';
export { OwnGate, type OwnGateSettings } from './own-gate.ts';
export { answerOf, type EngineRequest, textOf } from './engine.ts';
export { type Answer, listenOn, passOn, refusal, send, socketServer } from './socket-server.ts';
export { VmGate } from './vms/vm-gate.ts';
export { VmGateSettings } from './vms/vm-settings.ts';

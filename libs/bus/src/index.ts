export { ComponentPlace, type ComponentPlaceOptions } from './component-place.js';
export { Bus, type BusOptions, type CallOptions } from './bus.js';
export { inspectServer, type ServerTraits } from './connect.js';
export { check, frame, unframe } from './event.js';
export { Consume, Hear, Serve, ServeReplies, Take, type Taken } from './handlers.js';
export { Replies, type ReplyMessage } from './replies.js';
export { type Following, type Kept, StreamReader } from './stream-reader.js';
export { BusStrategy, type StrategyOptions } from './strategy.js';
export { currentTraceId, currentTraceparent, withTrace } from './trace.js';

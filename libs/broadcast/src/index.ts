export * from './broker.js';
export * from './errors.js';
export * from './broadcast.module.js';
export * from './create-broker.js';
export { MemoryBroker } from './memory/memory-broker.js';
export { MemoryStore } from './memory/memory-store.js';
export { LogBroker } from './log/log-broker.js';
export { DEFAULT_LOG_SETTINGS, type LogSettings } from './log/settings.js';
export type { PlainFormat, PlainPolicy, PlainRefusal, PlainSettings } from './plain-messages.js';

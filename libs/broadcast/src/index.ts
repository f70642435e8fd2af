export * from './broker.js';
export * from './errors.js';
export * from './broadcast.module.js';
export * from './create-broker.js';
export { MemoryBroker } from './memory/memory-broker.js';
export { MemoryStore } from './memory/memory-store.js';

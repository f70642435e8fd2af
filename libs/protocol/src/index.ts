export * from './channels.js';
export * from './close-codes.js';
export * from './errors.js';
export * from './events.js';
export * from './frames.js';
export * from './requests.js';
export * from './subprotocol.js';

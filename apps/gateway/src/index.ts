/** For a gateway with Nest modules of your own: docs/calls.md. */
export { ApiKeyGuard } from './auth/index.js';
export { ChannelsModule } from './channels/channels.module.js';
export { ChannelsService, type Publish } from './channels/channels.service.js';
export type { Connection } from './connection/connection.js';
export { JsonBody } from './http/json-body.js';
export { run } from './run.js';

import { holdfastOnBun } from './bun/holdfast.ts';
import { bun } from './bun/server.ts';
import { centrifuge, centrifugeMerging } from './centrifuge/server.ts';
import { floor } from './floor/server.ts';
import { holdfast } from './holdfast/server.ts';
import { nest } from './nest/server.ts';
import type { Server } from './server.ts';
import { socketIo } from './socket-io/server.ts';
import { ws } from './ws/server.ts';

export const SERVERS: readonly Server[] = [
  holdfast,
  ws,
  nest,
  socketIo,
  centrifuge,
  centrifugeMerging,
  floor,
  bun,
  holdfastOnBun,
];

import { holdfastOnBun } from './bun/holdfast.ts';
import { bun } from './bun/server.ts';
import { centrifuge, centrifugeCompressing, centrifugeMerging } from './centrifuge/server.ts';
import { floor } from './floor/server.ts';
import { holdfast, holdfastCompressing } from './holdfast/server.ts';
import { nest } from './nest/server.ts';
import type { Server } from './server.ts';
import { socketIo, socketIoCompressing } from './socket-io/server.ts';
import { ws } from './ws/server.ts';

export const SERVERS: readonly Server[] = [
  holdfast,
  holdfastCompressing,
  ws,
  nest,
  socketIo,
  socketIoCompressing,
  centrifuge,
  centrifugeMerging,
  centrifugeCompressing,
  floor,
  bun,
  holdfastOnBun,
];

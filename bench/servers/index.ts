import { centrifuge } from './centrifuge/server.ts';
import { holdfast } from './holdfast/server.ts';
import type { Server } from './server.ts';
import { ws } from './ws/server.ts';

export const SERVERS: readonly Server[] = [holdfast, ws, centrifuge];

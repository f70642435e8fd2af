import { HISTORY } from './history.js';
import { ALIVE, BURY, CLAIM, HEARTBEAT } from './pods.js';
import { EVICT, JOIN, LEAVE, MEMBERS, REJOIN, SWEEP_ROOM } from './presence.js';
import { PROBE } from './probe.js';
import { PUBLISH } from './publish.js';
import { CONNECTIONS, REGISTER, REMOVE, REREGISTER, SWEEP_USER, UNREGISTER } from './registry.js';
import type { Script } from './script.js';
import { RELEASE, TOUCH } from './attach.js';

export type { Script } from './script.js';

export const SCRIPTS = {
  ALIVE,
  BURY,
  CLAIM,
  CONNECTIONS,
  EVICT,
  HEARTBEAT,
  HISTORY,
  JOIN,
  LEAVE,
  MEMBERS,
  PROBE,
  PUBLISH,
  REGISTER,
  REJOIN,
  RELEASE,
  REMOVE,
  REREGISTER,
  SWEEP_ROOM,
  SWEEP_USER,
  TOUCH,
  UNREGISTER,
} satisfies Record<string, Script>;

import { ATTACH, DETACH } from './attach.js';
import { HISTORY } from './history.js';
import { RELEASE, TAKE } from './inbox.js';
import { ALIVE, CLAIM, FORGET, HEARTBEAT } from './pods.js';
import { EVICT, JOIN, LEAVE, MEMBERS, REJOIN, SWEEP_MEMBERS } from './presence.js';
import { PROBE } from './probe.js';
import { PUBLISH } from './publish.js';
import { CONNECTIONS, REGISTER, REMOVE, REREGISTER, SWEEP_USER, UNREGISTER } from './registry.js';
import type { Script } from './script.js';

export type { Script } from './script.js';

export const SCRIPTS = {
  ALIVE,
  ATTACH,
  CLAIM,
  CONNECTIONS,
  DETACH,
  EVICT,
  FORGET,
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
  SWEEP_MEMBERS,
  SWEEP_USER,
  TAKE,
  UNREGISTER,
} satisfies Record<string, Script>;

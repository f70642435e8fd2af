import { broadcast } from './broadcast.ts';
import type { Case } from './case.ts';
import { cold } from './cold.ts';
import { compression } from './compression.ts';
import { connect } from './connect.ts';
import { direct } from './direct.ts';
import { growth } from './growth.ts';
import { hot } from './hot.ts';
import { http } from './http.ts';
import { idle } from './idle.ts';
import { memory } from './memory.ts';
import { redis } from './redis.ts';
import { resume } from './resume.ts';

export const CASES: readonly Case[] = [
  broadcast,
  hot,
  direct,
  memory,
  idle,
  connect,
  cold,
  resume,
  http,
  redis,
  compression,
  ...growth,
];

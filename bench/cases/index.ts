import { broadcast } from './broadcast.ts';
import type { Case } from './case.ts';
import { direct } from './direct.ts';
import { hot } from './hot.ts';

export const CASES: readonly Case[] = [broadcast, hot, direct];

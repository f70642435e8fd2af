import { randomBytes } from 'node:crypto';
import { MemoryBroker } from '@holdfast/broadcast';
import jsonwebtoken from 'jsonwebtoken';
import { create } from './app.js';
import { AppModule } from './app.module.js';
import { loadConfig, type Config } from './config/index.js';
import { Lifecycle } from './lifecycle/lifecycle.js';
import { visit, type Rehearsal } from './warm-up/visits.js';

/** What it may take, in ms. */
interface Budget {
  /** CPU time of the process. */
  readonly cpu: number;
  readonly time: number;
}

/** A pod that is limited to half a core gets its CPU time in twice the time. */
const BUDGET: Budget = { cpu: 1_000, time: 2_000 };

/** When it counts as hanging, in ms. */
const HANGS_AFTER_MS = 10_000;

/** More than this makes nothing faster, and fewer than this exceed no limit. */
const MAX_VISITS = 1_500;

/** How many visits there are at the same time. As many are made even if no time is left. */
const AT_ONCE = 16;

const USERS = 64;
const TOKENS_VALID_S = 3_600;

/** How often clients came, or why it ended early. */
export type WarmUp = { readonly visits: number; readonly ms: number } | { readonly err: unknown };

/**
 * Has V8 compile what clients will need, so that the first ones do not pay for it. Another gateway in this process,
 * with nothing in common with the real one but the code, gets visits on a socket that has no port.
 *
 * To be called before there is a real one: Nest has one at a time. An uncaught error ends the process, as at any other time of the start.
 */
export async function warmUp(budget = BUDGET, hangsAfter = HANGS_AFTER_MS): Promise<WarmUp> {
  const since = performance.now();
  const hanging = Promise.withResolvers<never>();
  const timer = setTimeout(() => hanging.reject(new Error(`no end after ${hangsAfter} ms`)), hangsAfter);
  try {
    const visits = await Promise.race([rehearse(new Spending(budget)), hanging.promise]);
    return { visits, ms: Math.round(performance.now() - since) };
  } catch (err) {
    return { err };
  } finally {
    clearTimeout(timer);
  }
}

/** @returns how many visits there were. */
async function rehearse(spending: Spending): Promise<number> {
  const secret = randomBytes(32).toString('base64url');
  const apiKey = randomBytes(32).toString('base64url');
  const config = rehearsalConfig(secret, apiKey);
  const app = await create(config, AppModule.forRoot(config, [], { broker: new MemoryBroker() }));
  try {
    // In Linux' abstract namespace: neither a port nor a file.
    const path = `\0holdfast-warm-up-${randomBytes(16).toString('base64url')}`;
    await app.listen(path);
    app.get(Lifecycle).stage = 'ready';
    const tokens = Array.from({ length: USERS }, (_, user) =>
      jsonwebtoken.sign({ sub: `user-${user}`, channels: ['*'], publish: ['*'] }, secret, {
        expiresIn: TOKENS_VALID_S,
      }),
    );
    return await visitAll({ path, apiKey, tokens }, spending);
  } finally {
    await app.close();
  }
}

/** The defaults, whatever the real gateway has: no webhook, no broker's URL, no traces, no line in the log. */
function rehearsalConfig(secret: string, apiKey: string): Config {
  const config = loadConfig({
    HOLDFAST_JWT_SECRET: secret,
    HOLDFAST_API_KEYS: apiKey,
    HOLDFAST_LOG_LEVEL: 'silent',
    HOLDFAST_SETTLE_SECONDS: '0',
    HOLDFAST_DRAIN_SECONDS: '0',
  });
  // It is meant to be busy.
  return { ...config, overload: { ...config.overload, maxEventLoopDelay: Infinity, maxMemory: Infinity } };
}

async function visitAll(rehearsal: Rehearsal, spending: Spending): Promise<number> {
  let visits = 0;
  const next = (): number | undefined => {
    const isOver = visits >= AT_ONCE && spending.isOver;
    if (isOver || visits >= MAX_VISITS) return undefined;
    visits += 1;
    return visits;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => visit(rehearsal, `room:${index}`, next)));
  return visits;
}

/** Whether a budget is used up. */
class Spending {
  private readonly since = performance.now();
  private readonly before = process.cpuUsage();

  constructor(private readonly budget: Budget) {}

  get isOver(): boolean {
    const { user, system } = process.cpuUsage(this.before);
    return (user + system) / 1_000 >= this.budget.cpu || performance.now() - this.since >= this.budget.time;
  }
}

import { pace } from '../../bench/load/pace.js';
import { availableTokens } from '../../bench/load/tokens.js';
import { Audience } from './audience.js';
import { backendOf } from './backend.js';
import type { MeasuredPod } from './pod.js';

/** Connects. */
const PER_SECOND = 200;
/** The pod counts as full after this number of refusals. */
const REFUSALS = 600;
/** More than fit into a pod of the chart's size. */
const MOST = 30_000;

const BATCH = 100;
const RECEIVED_WITHIN_MS = 20_000;

/** What happened when clients came at a steady rate until the pod was full. */
export interface Filling {
  readonly perSecond: number;
  readonly accepted: number;
  /** How often others were refused, by the status of the response, the close code, or the code of the error. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Why clients that the pod had accepted lost their connection. */
  readonly lost: readonly string[];
  /** Of the container when it was full, in MiB. */
  readonly memory: number;
  /** The part of a core that the gateway used while they came. */
  readonly cpu: number;
}

const channelOf = (client: number): string => `inbox:${client}`;

/** Connects clients, each with a channel of its own, until the pod is full. Each that it accepted then receives a message. */
export async function fill(pod: MeasuredPod): Promise<Filling> {
  await availableTokens(MOST);
  const audience = new Audience(pod, (client) => [channelOf(client)]);
  const backend = backendOf(pod, 1);
  try {
    const [cpu, since] = [await pod.cpuTime(), performance.now()];
    const refusals = await comeUntilRefused(audience);
    const used = ((await pod.cpuTime()) - cpu) / ((performance.now() - since) / 1_000);
    const memory = await pod.memory();
    const channels = audience.numbers.map(channelOf);
    for (let at = 0; at < channels.length; at += BATCH) await backend.send(channels.slice(at, at + BATCH));
    await audience.received(1, RECEIVED_WITHIN_MS);
    const { size: accepted, failures: lost } = audience;
    return { perSecond: PER_SECOND, accepted, refusals, lost, memory, cpu: used };
  } finally {
    backend.close();
    audience.leave();
  }
}

async function comeUntilRefused(audience: Audience): Promise<Filling['refusals']> {
  const refusals: string[] = [];
  const opening: Promise<void>[] = [];
  const open = async (number: number): Promise<void> => {
    try {
      await audience.admit(number);
    } catch (error) {
      refusals.push(refusalOf(error));
    }
  };
  while (refusals.length < REFUSALS && opening.length < MOST) {
    await pace(PER_SECOND, 1, (due) => {
      for (; due > 0; due -= 1) opening.push(open(opening.length));
    });
  }
  await Promise.all(opening);
  return Object.fromEntries(
    Object.entries(Object.groupBy(refusals, (how) => how)).map(([how, all = []]) => [how, all.length]),
  );
}

function refusalOf(error: unknown): string {
  const { message } = error as Error;
  const [, status] = /^the upgrade was refused: HTTP\/1\.1 (\d+)/.exec(message) ?? [];
  const [, closed] = /^closed with (\d+)/.exec(message) ?? [];
  const [, event] = /^\{"event":"(reconnect)"/.exec(message) ?? [];
  const [, code] = /"code":"(\w+)"/.exec(message) ?? [];
  return status ?? closed ?? event ?? code ?? message;
}

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deadline } from '../../verify/deadline.js';
import type { Destination } from '../../verify/destination.js';
import { SteeredClient } from '../../verify/steered-client.js';
import type { MessageProbe } from './probes.js';

/** A message that takes longer counts as lost, in ms. */
const ARRIVES_WITHIN = 5_000;

export interface MessagePod {
  readonly name: string;
  readonly destination: Destination;
}

/** The channels of the probe, for a token that permits them: nobody else uses them. */
export function probeChannel(): string {
  return `doctor:doctor-${randomBytes(6).toString('hex')}`;
}

/**
 * Publishes one message through each pod, and listens on all of them.
 *
 * @throws Failure if the gateway does not permit it.
 */
export async function probeMessages(
  pods: readonly MessagePod[],
  channel: string,
  token: string | undefined,
): Promise<MessageProbe> {
  const deadline = new Deadline(ARRIVES_WITHIN * 4);
  const clients = pods.map(({ destination }) => new SteeredClient(destination, token));
  try {
    const heard = await Promise.all(
      clients.map(async ({ holdfast }) => {
        const publishers = new Set<unknown>();
        const { ready } = holdfast.subscribe(channel, {
          message: ({ data }) => publishers.add(data),
          gap: () => {},
          error: () => {},
        });
        await deadline.within(ready, () => 'a pod did not answer a subscribe');
        return publishers;
      }),
    );
    const times: number[] = [];
    for (const [index, { holdfast }] of clients.entries()) {
      const sentAt = performance.now();
      await deadline.within(holdfast.publish(channel, index), () => 'a pod did not answer a publish');
      times.push(performance.now() - sentAt);
    }
    const end = performance.now() + ARRIVES_WITHIN;
    while (heard.some(({ size }) => size < pods.length) && performance.now() < end) await sleep(50);
    const lost = pods.flatMap((to, index) =>
      pods.flatMap((from, publisher) =>
        heard[index]?.has(publisher) === true ? [] : { from: from.name, to: to.name },
      ),
    );
    times.sort((a, b) => a - b);
    return { lost, acknowledgedAfter: times[Math.floor(times.length / 2)] ?? 0 };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

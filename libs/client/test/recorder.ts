import type { Message } from '@holdfast/protocol';
import type { Holdfast } from '../src/client.js';
import type { SubscriptionHandlers } from '../src/subscription.js';

/** Records the calls to an application's handlers, in order. */
export function record(): SubscriptionHandlers & { readonly log: string[]; readonly messages: Message[] } {
  const log: string[] = [];
  const messages: Message[] = [];
  return {
    log,
    messages,
    message: (message) => {
      messages.push(message);
      log.push(`message ${message.offset}`);
    },
    gap: ({ epoch, offset }, reason) => log.push(`${reason} ${epoch}:${offset}`),
    unsubscribed: (code) => log.push(`unsubscribed ${code}`),
    error: ({ code }) => log.push(`error ${code}`),
  };
}

/** Records a client's events. */
export function recordEvents(client: Holdfast): string[] {
  const log: string[] = [];
  client.on('state', ({ state, reason }) => log.push(reason === undefined ? state : `${state} ${reason.code}`));
  client.on('moved', ({ from, to }) => log.push(`moved ${from} ${to}`));
  client.on('error', ({ code }) => log.push(`error ${code}`));
  return log;
}

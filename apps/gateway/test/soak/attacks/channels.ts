import { setTimeout as sleep } from 'node:timers/promises';
import { repeat, withClients, type Attack } from './attack.ts';
import { JsonClient } from './json-client.ts';

/** One user, with the maximum number of connections unless an attack needs fewer. */
const USER = { sub: 'mallory' };
const CONNECTIONS = 100;

const LONG = 'x'.repeat(200);
const LARGE = 'z'.repeat(60_000);

/** With a valid token, within its permissions. */
export const channelAttacks: readonly Attack[] = [
  {
    name: 'as many subscriptions as possible',
    async run(target, signal) {
      await withClients(await JsonClient.openMany(target, CONNECTIONS, USER), async (client, index) => {
        let count = 0;
        await repeat(signal, async () => {
          count += 1;
          if (!(await client.request('subscribe', { channel: `open:${index}.${count}.${LONG}` }))) await sleep(50);
        });
      });
    },
  },
  {
    name: 'large messages to new channels',
    async run(target, signal) {
      await withClients(await JsonClient.openMany(target, 8, USER), async (client, index) => {
        let count = 0;
        await repeat(signal, async () => {
          count += 1;
          await client.request('publish', { channel: `open:new.${index}.${Date.now()}.${count}`, data: LARGE });
        });
      });
    },
  },
  {
    name: 'subscribing to and unsubscribing from new channels',
    async run(target, signal) {
      await withClients(await JsonClient.openMany(target, 10, USER), async (client, index) => {
        let count = 0;
        await repeat(signal, async () => {
          count += 1;
          const channel = `open:churn.${index}.${Date.now()}.${count}`;
          await client.request('subscribe', { channel });
          await client.request('unsubscribe', { channel });
        });
      });
    },
  },
  {
    name: 'histories of large messages, 16 at a time',
    async run(target, signal) {
      const clients = await JsonClient.openMany(target, 10, USER);
      await withClients(clients, async (client) => {
        for (let index = 0; index < 10 && !signal.aborted; index += 1) {
          await client.request('publish', { channel: 'open:large', data: LARGE });
        }
        const read = async (): Promise<unknown> => client.request('history', { channel: 'open:large', limit: 100 });
        await Promise.all(Array.from({ length: 16 }, () => repeat(signal, read)));
      });
    },
  },
  {
    name: 'joins and leaves in a room with many listeners',
    async run(target, signal) {
      const claims = { ...USER, info: 'i'.repeat(5_000) };
      await withClients(await JsonClient.openMany(target, 10, claims), async (client) => {
        await repeat(signal, async () => {
          await client.request('subscribe', { channel: 'room:lobby', presence: true });
          await client.request('unsubscribe', { channel: 'room:lobby' });
        });
      });
    },
  },
  {
    name: 'messages to itself that it never reads',
    async run(target, signal) {
      const clients = await JsonClient.openMany(target, 20, USER);
      await withClients(clients, async (client) => {
        await client.request('subscribe', { channel: 'open:unread' });
        client.stopReading();
        await repeat(signal, async () => {
          client.send('publish', { channel: 'open:unread', data: LARGE });
          await sleep(20);
        });
      });
    },
  },
  {
    name: 'invalid frames, and as many pings as possible',
    async run(target, signal) {
      await withClients(await JsonClient.openMany(target, 20, USER), async (first, index) => {
        let client = first;
        await repeat(signal, async () => {
          for (let count = 0; count < 20; count += 1) {
            if (index % 2 === 0) client.sendRaw('{"event":');
            else client.send('ping', {});
          }
          await sleep(50);
          if (client.isOpen) return;
          await sleep(200);
          client = await JsonClient.open(target, USER);
          if (signal.aborted) client.close();
        });
        client.close();
      });
    },
  },
  {
    name: 'authorization requests for unknown channels',
    async run(target, signal) {
      await withClients(await JsonClient.openMany(target, 25, USER), async (client, index) => {
        let count = 0;
        const ask = async (): Promise<unknown> => {
          count += 1;
          // Every fourth request gets 500 from the backend.
          const channel = count % 4 === 0 ? `asked:broken.${index}.${count}` : `asked:${index}.${count}`;
          return client.request('publish', { channel, data: 1 });
        };
        await Promise.all(Array.from({ length: 16 }, () => repeat(signal, ask)));
      });
    },
  },
  {
    name: 'connecting and disconnecting as fast as possible',
    async run(target, signal) {
      const visit = async (): Promise<void> => {
        const client = await JsonClient.open(target, USER);
        client.close();
        await sleep(5);
      };
      await Promise.all(Array.from({ length: 10 }, () => repeat(signal, visit)));
    },
  },
];

import { setTimeout as sleep } from 'node:timers/promises';
import { repeat, withClients, type Attack } from './attack.ts';
import { JsonClient } from './json-client.ts';

/** One user, with as many connections as it may have unless an attack needs fewer. */
const USER = { sub: 'mallory' };
const CONNECTIONS = 100;

const LONG = 'x'.repeat(200);
const LARGE = 'z'.repeat(60_000);

/** With a valid token, within what it permits. */
export const channelAttacks: readonly Attack[] = [
  {
    name: 'as many subscriptions as it can get',
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
    name: 'large messages to ever new channels',
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
    name: 'subscribing and unsubscribing, ever new channels',
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
        const lane = async (): Promise<unknown> => client.request('history', { channel: 'open:large', limit: 100 });
        await Promise.all(Array.from({ length: 16 }, () => repeat(signal, lane)));
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
    name: 'frames that are no requests, and as many pings as it can send',
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
    name: 'questions to the webhook of unknown channels',
    async run(target, signal) {
      await withClients(await JsonClient.openMany(target, 25, USER), async (client, index) => {
        let count = 0;
        const ask = async (): Promise<unknown> => {
          count += 1;
          // Every fourth one is answered by 500.
          const channel = count % 4 === 0 ? `asked:broken.${index}.${count}` : `asked:${index}.${count}`;
          return client.request('publish', { channel, data: 1 });
        };
        await Promise.all(Array.from({ length: 16 }, () => repeat(signal, ask)));
      });
    },
  },
  {
    name: 'connecting and leaving, as fast as it can',
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

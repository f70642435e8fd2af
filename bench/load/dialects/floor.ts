import type { Dialect } from '../dialect.ts';

const MESSAGE = 0x4d;

/** What the C program understands: a letter and a channel, and for a publish what to send. */
export const floorDialect: Dialect = {
  upgrade: () => ({ target: '/' }),
  greets: false,
  subscribe: (channel) => `S${channel}`,
  publish: (channel, data) => `P${channel} M${data}`,
  messages: (data, start) => (data[start] === MESSAGE ? 1 : 0),
  isError: (text) => text !== 'R',
};

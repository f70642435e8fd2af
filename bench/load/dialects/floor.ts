import type { Dialect } from '../dialect.ts';

const MESSAGE = 0x4d;

/** The protocol of the C program: a letter and a channel, and for a publish the data. */
export const floorDialect: Dialect = {
  upgrade: () => ({ target: '/' }),
  greets: false,
  subscribe: (channel) => `S${channel}`,
  publish: (channel, data) => `P${channel} M${data}`,
  messages: (data, start) => (data[start] === MESSAGE ? 1 : 0),
  isError: (text) => text !== 'R',
};

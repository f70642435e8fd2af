import { holds, type Dialect } from '../dialect.ts';

const MESSAGE = 'message"';
const BEFORE_EVENT = '{"event":"'.length;

/** The protocol of the textbook servers, in the envelope of Nest's WsAdapter. They have no tokens, positions or heartbeats. */
export const plainDialect: Dialect = {
  upgrade: () => ({ target: '/ws' }),
  greets: false,
  subscribe: (channel) => `{"event":"subscribe","data":{"channel":"${channel}"}}`,
  publish: (channel, data) => `{"event":"publish","data":{"channel":"${channel}","data":${data}}}`,
  messages: (data, start) => (holds(data, start + BEFORE_EVENT, MESSAGE) ? 1 : 0),
  isError: (text) => !text.startsWith('{"event":"reply"'),
};

import { holds, type Dialect } from '../dialect.ts';

/** Engine.IO message (4), Socket.IO event (2). */
const MESSAGE = '42["message"';

/** Socket.IO over Engine.IO 4, over a WebSocket from the start. */
export const socketIoDialect: Dialect = {
  upgrade: () => ({ target: '/socket.io/?EIO=4&transport=websocket' }),
  // Engine.IO opens with its handshake; then the client joins the default namespace.
  greets: true,
  connect: () => '40',
  subscribe: (channel, id) => `42${id}["subscribe","${channel}"]`,
  publish: (channel, data, id) => `42${id}["publish","${channel}",${data}]`,
  pong: (text) => (text === '2' ? '3' : undefined),
  messages: (data, start) => (holds(data, start, MESSAGE) ? 1 : 0),
  isError: (text) => text.startsWith('44') || text.startsWith('41'),
};

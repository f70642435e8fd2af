import { SUBPROTOCOL } from '@holdfast/protocol';
import { holds, type Dialect, type Position } from '../dialect.ts';

const MESSAGE = 'message"';
const BEFORE_EVENT = '{"event":"'.length;

export const holdfastDialect: Dialect = {
  upgrade: (token) => ({
    target: '/ws',
    headers: { Authorization: `Bearer ${token}`, 'Sec-WebSocket-Protocol': SUBPROTOCOL },
  }),
  greets: true,
  subscribe: (channel, id, since) => JSON.stringify({ event: 'subscribe', id, data: { channel, since } }),
  publish: (channel, data, id) => `{"event":"publish","id":${id},"data":{"channel":"${channel}","data":${data}}}`,
  ping: (id) => `{"event":"ping","id":${id}}`,
  messages: (data, start) => (holds(data, start + BEFORE_EVENT, MESSAGE) ? 1 : 0),
  isError: (text) =>
    /^\{"event":"(?:error|gap|reconnect|unsubscribed)"/.test(text) || text.includes('"recovered":false'),
  position: (reply) => {
    const { epoch, offset } = (JSON.parse(reply) as { data: Position }).data;
    return { epoch, offset };
  },
};

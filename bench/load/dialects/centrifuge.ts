import { holds, type Dialect, type Position } from '../dialect.ts';

const NEWLINE = 0x0a;
const PUSH = '{"push"';

/** The JSON protocol of Centrifuge: a frame holds one or more lines. */
export const centrifugeDialect: Dialect = {
  upgrade: () => ({ target: '/ws' }),
  connect: (token) => `{"id":1,"connect":{"token":"${token}"}}`,
  greets: false,
  subscribe: (channel, id, since) =>
    JSON.stringify({ id, subscribe: since === undefined ? { channel } : { channel, recover: true, ...since } }),
  publish: (channel, data, id) => `{"id":${id},"publish":{"channel":"${channel}","data":${data}}}`,
  pong: (text) => (text === '{}' ? '{}' : undefined),
  messages: (data, start, end) => {
    let count = 0;
    for (let line = start; line < end;) {
      if (holds(data, line, PUSH)) count += 1;
      const newline = data.indexOf(NEWLINE, line);
      if (newline === -1) break;
      line = newline + 1;
    }
    return count;
  },
  isError: (text) =>
    text.includes('"error":') || (text.includes('"was_recovering":true') && !text.includes('"recovered":true')),
  position: (reply) => {
    const { epoch, offset = 0 } = (JSON.parse(reply) as { subscribe: Partial<Position> }).subscribe;
    return { epoch: epoch ?? '', offset };
  },
  replayed: (reply) =>
    (JSON.parse(reply) as { subscribe?: { publications?: unknown[] } }).subscribe?.publications?.length ?? 0,
};

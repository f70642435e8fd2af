import { describe, expect, it } from 'vitest';
import { centrifugeDialect } from './dialects/centrifuge.ts';
import { floorDialect } from './dialects/floor.ts';
import { holdfastDialect } from './dialects/holdfast.ts';
import { plainDialect } from './dialects/plain.ts';
import { socketIoDialect } from './dialects/socket-io.ts';

const CASES = {
  Holdfast: {
    dialect: holdfastDialect,
    message: '{"event":"message","data":{"channel":"c","offset":1,"data":{}}}',
    others: ['{"event":"reply","id":1,"data":{}}', '{"event":"members","data":{}}'],
    errors: ['{"event":"error","id":1,"data":{"code":"forbidden"}}', '{"event":"gap","data":{}}'],
  },
  'ws and Nest': {
    dialect: plainDialect,
    message: '{"event":"message","data":{"channel":"c","data":{}}}',
    others: ['{"event":"reply","data":{}}'],
    errors: ['{"event":"exception","data":{}}'],
  },
  'Socket.IO': {
    dialect: socketIoDialect,
    message: '42["message","c",{}]',
    others: ['431[]', '40{"sid":"x"}', '2'],
    errors: ['44{"message":"no"}'],
  },
  Centrifuge: {
    dialect: centrifugeDialect,
    message: '{"push":{"channel":"c","pub":{"data":{}}}}',
    others: ['{"id":1,"subscribe":{}}', '{}'],
    errors: ['{"id":1,"error":{"code":103}}'],
  },
  'the floor': { dialect: floorDialect, message: 'M{}', others: ['R'], errors: ['?'] },
};

describe.each(Object.entries(CASES))('%s', (_, { dialect, message, others, errors }) => {
  const count = (text: string): number => {
    const data = Buffer.from(`before${text}after`);
    return dialect.messages(data, 6, data.length - 5);
  };

  it('counts only messages', () => {
    expect(count(message)).toBe(1);
    for (const other of [...others, ...errors]) expect(count(other)).toBe(0);
  });

  it('recognizes errors', () => {
    for (const error of errors) expect(dialect.isError(error)).toBe(true);
    for (const other of others) expect(dialect.isError(other)).toBe(false);
  });
});

describe('Centrifuge', () => {
  it('counts each line of a frame', () => {
    const push = '{"push":{"channel":"c","pub":{"data":{}}}}';
    const data = Buffer.from(`${push}\n{"id":2,"publish":{}}\n${push}`);
    expect(centrifugeDialect.messages(data, 0, data.length)).toBe(2);
  });

  it('reports an error if a resume did not recover the missed messages', () => {
    const reply = '{"id":2,"subscribe":{"was_recovering":true}}';
    expect(centrifugeDialect.isError(reply)).toBe(true);
    expect(centrifugeDialect.isError(reply.replace('}}', ',"recovered":true}}'))).toBe(false);
  });
});

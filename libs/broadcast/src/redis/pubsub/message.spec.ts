import { describe, expect, it } from 'vitest';
import { parseMessage } from './message.js';

describe('a message on a channel', () => {
  it('is a publication, whose payload may contain anything', () => {
    expect(parseMessage('pe.1 12 1700000000000 {"a": "b c\\n"}\n ')).toEqual({
      kind: 'publication',
      epoch: 'e.1',
      publication: { offset: 12, time: 1_700_000_000_000, payload: '{"a": "b c\\n"}\n ' },
    });
    expect(parseMessage('pe 1 2 ')).toMatchObject({ publication: { payload: '' } });
  });

  it.each([
    ['j', 'join'],
    ['l', 'leave'],
  ])('that begins with %s is a %s', (letter, kind) => {
    const member = { client: 'ann', details: '{}' };
    expect(parseMessage(letter + JSON.stringify(member))).toEqual({ kind, member });
  });

  it.each([
    '',
    'p',
    'pe x 1 a',
    'pe 1',
    'hello',
    'j',
    'jnull',
    'j{}',
    'l{"client":1,"details":""}',
    'x{"client":"a","details":""}',
  ])('is not %j', (text) => {
    expect(parseMessage(text)).toBeUndefined();
  });
});

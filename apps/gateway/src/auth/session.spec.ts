import { describe, expect, it } from 'vitest';
import { Sessions, sessionOfUser } from './session.js';

const sut = new Sessions();

describe('a session', () => {
  it('is new each time, has 192 random bits, and cannot be derived from its client id', () => {
    const sessions = Array.from({ length: 1_000 }, () => sut.create());
    expect(new Set(sessions.map(({ secret }) => secret)).size).toBe(1_000);
    expect(new Set(sessions.map(({ client }) => client)).size).toBe(1_000);
    for (const { secret, client } of sessions) {
      expect(Buffer.from(secret, 'base64url')).toHaveLength(24);
      expect(client).toMatch(/^[A-Za-z0-9_-]{22}$/);
      expect(secret).not.toContain(client);
    }
  });

  it('proves its client id when it is presented', () => {
    const session = sut.create();
    expect(sut.of(session.secret)).toEqual({ ...session, presented: true });
  });

  it('has a different client id for each user, and the same for the same user', () => {
    const session = sut.create();
    const [ann, bob] = [sessionOfUser(session, 'ann'), sessionOfUser(session, 'bob')];
    expect(new Set([session, ann, bob].map(({ client }) => client)).size).toBe(3);
    expect(new Set([session, ann, bob].map(({ id }) => id)).size).toBe(1);
    expect(sessionOfUser(bob, 'ann')).toEqual(ann);
    expect(sessionOfUser(session, undefined)).toEqual(session);
  });

  it.each([
    ['nothing', undefined],
    ['no value', null],
    ['an empty value', ''],
    ['a shorter one', 'x'.repeat(31)],
    ['a longer one', 'x'.repeat(33)],
    ['another alphabet', `${'x'.repeat(31)}+`],
    ['a line break', `${'x'.repeat(32)}\n`],
  ])('is replaced by a new one if the client presents %s', (_name, presented) => {
    const { secret } = sut.of(presented);
    expect(secret).not.toBe(presented);
    expect(secret).toMatch(/^[A-Za-z0-9_-]{32}$/);
  });
});

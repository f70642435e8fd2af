import type { Member } from '@holdfast/client';
import { describe, expect, it } from 'vitest';
import { Presence } from './presence.js';

function member(client: string, user?: string, name?: string): Member {
  return { client, ...(user === undefined ? {} : { user }), ...(name === undefined ? {} : { info: { name } }) };
}

describe('Presence', () => {
  it('shows several windows of one user once, yourself first, then by name', () => {
    const sut = new Presence();
    const members = [
      member('1', 'z', 'Zoë'),
      member('2', 'a', 'Ada'),
      member('3', 'z', 'Zoë'),
      member('4', 'me', 'Noor'),
    ];
    sut.replace({ members, count: 4 });
    expect(sut.people('me').map(({ name, you }) => [name, you])).toEqual([
      ['Noor', true],
      ['Ada', false],
      ['Zoë', false],
    ]);
  });

  it('keeps a user until the last window is closed', () => {
    const sut = new Presence();
    sut.replace({ members: [member('1', 'a', 'Ada'), member('2', 'a', 'Ada')], count: 2 });
    sut.leave(member('1', 'a'));
    expect(sut.people(undefined)).toHaveLength(1);
    sut.leave(member('2', 'a'));
    expect(sut.people(undefined)).toHaveLength(0);
  });

  it('does not merge anonymous clients with each other or with you', () => {
    const sut = new Presence();
    sut.replace({ members: [member('1')], count: 1 });
    sut.join(member('2'));
    expect(sut.people(undefined).map(({ name, you }) => [name, you])).toEqual([
      ['Guest', false],
      ['Guest', false],
    ]);
  });

  it('counts a repeated join once', () => {
    const sut = new Presence();
    sut.join(member('1', 'a', 'Ada'));
    sut.join(member('1', 'a', 'Countess'));
    expect(sut.people(undefined).map(({ name }) => name)).toEqual(['Countess']);
  });

  it('counts clients beyond a capped list', () => {
    const sut = new Presence();
    sut.replace({ members: [member('1', 'a', 'Ada')], count: 12 });
    expect(sut.unlisted).toBe(11);
    sut.leave(member('77', 'x'));
    expect(sut.unlisted).toBe(10);
  });

  it('survives an info of any form', () => {
    const sut = new Presence();
    sut.replace({
      members: [
        { client: '1', info: ['x'] },
        { client: '2', info: { name: 3 } },
        { client: '3', info: null },
      ],
      count: 3,
    });
    expect(sut.people(undefined).map(({ name }) => name)).toEqual(['Guest', 'Guest', 'Guest']);
  });
});

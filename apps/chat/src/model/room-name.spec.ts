import { describe, expect, it } from 'vitest';
import { hashOfRoom, isRoomName, MAX_ROOM_NAME_LENGTH, parseRoomName, roomOfHash } from './room-name.js';

describe('parseRoomName', () => {
  it.each([
    ['lobby', 'lobby'],
    ['  #Coffee Break ', 'coffee-break'],
    ['## ops_2', 'ops_2'],
    ['a', 'a'],
    ['x'.repeat(MAX_ROOM_NAME_LENGTH), 'x'.repeat(MAX_ROOM_NAME_LENGTH)],
  ])('reads %j as %j', (input, name) => {
    expect(parseRoomName(input)).toEqual({ name });
  });

  it.each([
    ['', 'empty'],
    [' # ', 'empty'],
    ['x'.repeat(MAX_ROOM_NAME_LENGTH + 1), 'too_long'],
    ['käse', 'characters'],
    ['a:b', 'characters'],
    ['a/b', 'characters'],
    ['-a', 'characters'],
    ['a-', 'characters'],
    ['💬', 'characters'],
  ])('refuses %j: %s', (input, problem) => {
    expect(parseRoomName(input)).toEqual({ problem });
  });
});

describe('the room in the URL', () => {
  it('is read as written', () => {
    expect(roomOfHash(hashOfRoom('coffee-break'))).toBe('coffee-break');
  });

  it.each(['', '#', '#/', '#lobby', '#/Lobby', '#/a/b', '#/%20'])('is undefined in %j', (hash) => {
    expect(roomOfHash(hash)).toBeUndefined();
  });

  it('is checked like a typed one', () => {
    expect(isRoomName('__proto__')).toBe(false);
  });
});

/** The maximum length of a room name, in characters; the channel `chat:ROOM` stays far below the protocol's limit. */
export const MAX_ROOM_NAME_LENGTH = 40;

const ROOM_NAME = /^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$/;

export type RoomNameProblem = 'empty' | 'too_long' | 'characters';

export function isRoomName(name: string): boolean {
  return name.length <= MAX_ROOM_NAME_LENGTH && ROOM_NAME.test(name);
}

/** Converts typed text to a room name: `#Coffee Break` is the room `coffee-break`. */
export function parseRoomName(input: string): { name: string } | { problem: RoomNameProblem } {
  const name = input
    .trim()
    .replace(/^#+\s*/, '')
    .toLowerCase()
    .replace(/\s+/g, '-');
  if (name === '') return { problem: 'empty' };
  if (name.length > MAX_ROOM_NAME_LENGTH) return { problem: 'too_long' };
  return isRoomName(name) ? { name } : { problem: 'characters' };
}

/** The room in a location's hash, such as `#/lobby`. */
export function roomOfHash(hash: string): string | undefined {
  const name = hash.startsWith('#/') ? hash.slice(2) : '';
  return isRoomName(name) ? name : undefined;
}

export function hashOfRoom(room: string): string {
  return `#/${room}`;
}

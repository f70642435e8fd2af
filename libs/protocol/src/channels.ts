/** The maximum length of a channel name, in characters. */
export const MAX_CHANNEL_LENGTH = 255;

/** The namespace of users' own channels. */
export const USER_NAMESPACE = '@';

/** The alias for the user's own channel in requests; frames from the gateway carry the real name. */
export const OWN_CHANNEL_ALIAS = '@me';

const CHANNEL = /^@?[A-Za-z0-9_\-.:/%#]+$/;

/** Whether `name` is a channel name: 1–255 characters of `A-Z a-z 0-9 _ - . : / % #`, or `@USER`. */
export function isChannel(name: string): boolean {
  return name.length <= MAX_CHANNEL_LENGTH && CHANNEL.test(name);
}

/** The part before the first `:`, `''` if there is none, and `@` for every user's own channel. */
export function namespaceOf(channel: string): string {
  if (channel.startsWith(USER_NAMESPACE)) return USER_NAMESPACE;
  const colon = channel.indexOf(':');
  return colon === -1 ? '' : channel.slice(0, colon);
}

/**
 * A user's own channel: `@` and the percent-encoded user id.
 *
 * @throws RangeError if the id is empty, not well-formed Unicode, or too long for a channel name when encoded.
 */
export function userChannel(user: string): string {
  if (user === '') throw new RangeError('a user id must not be empty');
  if (!user.isWellFormed()) throw new RangeError('a user id must be well-formed Unicode');
  // encodeURIComponent does not encode ! ~ * ' ( ), which a channel name must not contain.
  const encoded = encodeURIComponent(user).replace(
    /[!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const channel = USER_NAMESPACE + encoded;
  if (channel.length > MAX_CHANNEL_LENGTH) throw new RangeError('the user id is too long for a channel name');
  return channel;
}

/** Longest channel name, in characters. */
export const MAX_CHANNEL_LENGTH = 255;

/** The namespace of all users' own channels. */
export const USER_NAMESPACE = '@';

/** What a client may write for its own user's channel; frames carry the real name. */
export const OWN_CHANNEL_ALIAS = '@me';

const CHANNEL = /^@?[A-Za-z0-9_\-.:/%#]+$/;

/** Whether `name` is a channel name: 1–255 characters of `A-Z a-z 0-9 _ - . : / % #`, or `@USER`. */
export function isChannel(name: string): boolean {
  return name.length <= MAX_CHANNEL_LENGTH && CHANNEL.test(name);
}

/** The part before the first `:`, `''` where there is none, and `@` for every user's own channel. */
export function namespaceOf(channel: string): string {
  if (channel.startsWith(USER_NAMESPACE)) return USER_NAMESPACE;
  const colon = channel.indexOf(':');
  return colon === -1 ? '' : channel.slice(0, colon);
}

/**
 * The own channel of a user: `@` and the percent-encoded user id.
 *
 * @throws RangeError when the encoded id is longer than a channel name may be, or is not well-formed Unicode.
 */
export function userChannel(user: string): string {
  if (user === '') throw new RangeError('a user id must not be empty');
  if (!user.isWellFormed()) throw new RangeError('a user id must be well-formed Unicode');
  // encodeURIComponent leaves ! ~ * ' ( ) alone, which a channel name may not hold.
  const encoded = encodeURIComponent(user).replace(
    /[!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const channel = USER_NAMESPACE + encoded;
  if (channel.length > MAX_CHANNEL_LENGTH) throw new RangeError('the user id is too long for a channel of its own');
  return channel;
}

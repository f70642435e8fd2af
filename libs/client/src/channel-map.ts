import type { Json } from '@holdfast/protocol';

/** The types of channels' data that are not declared: any JSON, or what a call names. */
export interface AnyChannels {
  readonly '*': Json;
}

/** A pattern's type: `*` matches any characters. */
type Matching<Pattern> = Pattern extends `${infer Before}*${infer After}`
  ? `${Before}${string}${Matching<After>}`
  : Pattern;

/** The names of the channels that a map declares. */
export type ChannelName<Channels> = Matching<keyof Channels & string>;

/** The type of a channel's data: that of the patterns that match its name. */
export type DataOf<Channels, Channel> = {
  [Pattern in keyof Channels & string]: Channel extends Matching<Pattern> ? Channels[Pattern] : never;
}[keyof Channels & string];

/** Stands for a type that a call does not name. */
export interface Undeclared {
  readonly undeclared: never;
}

/** The type that a call names, or else what the map declares. */
export type Data<Channels, Channel, Named> = Named extends Undeclared ? DataOf<Channels, Channel> : Named;

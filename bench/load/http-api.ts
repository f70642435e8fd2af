/** The body of one publication, where an API names its parts so. */
export const publication = (channel: string, data: string): string => `{"channel":"${channel}","data":${data}}`;

/** How many publications an answer gives an offset. */
export const countOffsets = (answer: string): number => answer.split('"offset":').length - 1;

/** How an HTTP API is asked to publish. */
export interface HttpApi {
  readonly headers: Readonly<Record<string, string>>;
  readonly publish: { readonly path: string; body(channel: string, data: string): string };
  readonly batch: { readonly path: string; body(channels: readonly string[], data: readonly string[]): string };
  /** How many publications an answer says were stored. */
  stored(answer: string): number;
}

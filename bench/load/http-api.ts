/** The body of one publication, for APIs with these names. */
export const publication = (channel: string, data: string): string => `{"channel":"${channel}","data":${data}}`;

/** The number of offsets in a response. */
export const countOffsets = (answer: string): number => answer.split('"offset":').length - 1;

/** How to publish through an HTTP API. */
export interface HttpApi {
  readonly headers: Readonly<Record<string, string>>;
  readonly publish: { readonly path: string; body(channel: string, data: string): string };
  readonly batch: { readonly path: string; body(channels: readonly string[], data: readonly string[]): string };
  /** The number of stored publications according to a response. */
  stored(answer: string): number;
}

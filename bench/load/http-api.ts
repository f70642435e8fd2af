/** How an HTTP API is asked to publish. */
export interface HttpApi {
  readonly headers: Readonly<Record<string, string>>;
  readonly publish: { readonly path: string; body(channel: string, data: string): string };
  readonly batch: { readonly path: string; body(channels: readonly string[], data: readonly string[]): string };
  /** How many publications an answer says were stored. */
  stored(answer: string): number;
}

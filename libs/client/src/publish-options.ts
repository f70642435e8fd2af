export interface PublishOptions {
  /** 1–64 characters, random by default. Two publishes with one key are stored once. */
  readonly key?: string | undefined;
  /** The W3C trace context that the publish belongs to (https://www.w3.org/TR/trace-context/#traceparent-header). */
  readonly traceparent?: string | undefined;
}

/** The protocol of one kind of server. */
export interface Dialect {
  /** The request target and additional headers of the upgrade. */
  upgrade(token: string): { readonly target: string; readonly headers?: Readonly<Record<string, string>> };
  /** The first text that a client sends, if it must send one before it may subscribe. */
  readonly connect?: (token: string) => string;
  /** Whether the server sends a greeting, which is awaited before anything is sent. */
  readonly greets: boolean;
  /** @param since the position to resume from; only for servers that support it. */
  subscribe(channel: string, id: number, since?: Position): string;
  /** @param data JSON. */
  publish(channel: string, data: string, id: number): string;
  /** The response to a control text that is a heartbeat. */
  readonly pong?: (text: string) => string | undefined;
  /** A client's ping, if clients send pings. */
  readonly ping?: (id: number) => string;
  /** The number of messages in a text frame; 0 for other frames. Must be cheap, because it is called for each frame. */
  messages(data: Buffer, start: number, end: number): number;
  /** Whether a text that is not a message is an error. */
  isError(text: string): boolean;
  /** The position in the reply to a subscribe. */
  readonly position?: (reply: string) => Position;
  /** The number of missed messages in the reply itself, if they do not follow it. */
  readonly replayed?: (reply: string) => number;
}

export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** Whether the bytes at an offset are this ASCII text. */
export function holds(data: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (data[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

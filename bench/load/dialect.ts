/** How one kind of server is spoken to: the real protocol of each. */
export interface Dialect {
  /** The request target and further headers of the upgrade. */
  upgrade(token: string): { readonly target: string; readonly headers?: Readonly<Record<string, string>> };
  /** What a client sends first, where it sends anything before it may subscribe. */
  readonly connect?: (token: string) => string;
  /** Whether the server speaks first: its greeting is waited for before anything is sent. */
  readonly greets: boolean;
  /** @param since where to resume; only of servers that can. */
  subscribe(channel: string, id: number, since?: Position): string;
  /** @param data JSON. */
  publish(channel: string, data: string, id: number): string;
  /** What a control text is answered with, where it is a heartbeat. */
  readonly pong?: (text: string) => string | undefined;
  /** What a client sends to find out whether the server is there, if clients do that. */
  readonly ping?: (id: number) => string;
  /** How many messages a text frame holds; 0 where it is something else. Called for each frame: it must be cheap. */
  messages(data: Buffer, start: number, end: number): number;
  /** Whether a text that is no message refuses something. */
  isError(text: string): boolean;
  /** The position that the answer to a subscribe tells. */
  readonly position?: (reply: string) => Position;
  /** How many messages the answer itself holds that were missed, where they do not follow it. */
  readonly replayed?: (reply: string) => number;
}

export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** Whether the bytes at a place are this ASCII text. */
export function holds(data: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (data[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

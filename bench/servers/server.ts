import type { Dialect } from '../load/dialect.ts';
import type { HttpApi } from '../load/http-api.ts';

export type ServerName =
  | 'holdfast'
  | 'ws'
  | 'nest'
  | 'socket.io'
  | 'centrifuge'
  | 'centrifuge-merging'
  | 'floor'
  | 'bun'
  | 'holdfast-on-bun';

export interface StartOptions {
  readonly port: number;
  /** Where messages go between processes. */
  readonly redis?: string | undefined;
  /** Where a CPU profile is to be left, by those that can. */
  readonly profiles?: string | undefined;
}

/** How a server is started. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** One of those that are compared. */
export interface Server {
  readonly name: ServerName;
  readonly title: string;
  readonly dialect: Dialect;
  /** Its HTTP API, where it has one. */
  readonly api?: HttpApi;
  /** Builds it. @throws Unavailable where that cannot be done here. */
  prepare?(): Promise<void>;
  launch(options: StartOptions): Launch | Promise<Launch>;
}

/** What stands in the report instead of figures. */
export class Unavailable extends Error {}

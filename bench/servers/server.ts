import type { Dialect } from '../load/dialect.ts';
import type { HttpApi } from '../load/http-api.ts';

export type ServerName =
  | 'holdfast'
  /** Another checkout of Holdfast. */
  | 'other-build'
  | 'holdfast-compressing'
  | 'ws'
  | 'nest'
  | 'socket.io'
  | 'socket.io-compressing'
  | 'centrifuge'
  | 'centrifuge-merging'
  | 'centrifuge-compressing'
  | 'floor'
  | 'bun'
  | 'holdfast-on-bun';

export interface StartOptions {
  readonly port: number;
  /** The URL of the broker between processes. */
  readonly broker?: string | undefined;
  /** The folder for a CPU profile, for servers that support it. */
  readonly profiles?: string | undefined;
}

/** How a server is started. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A server in the comparison. */
export interface Server {
  readonly name: ServerName;
  readonly title: string;
  readonly dialect: Dialect;
  /** Its HTTP API, if it has one. */
  readonly api?: HttpApi;
  /** Builds it. @throws Unavailable if that is not possible here. */
  prepare?(): Promise<void>;
  launch(options: StartOptions): Launch | Promise<Launch>;
}

/** Shown in the report instead of figures. */
export class Unavailable extends Error {}

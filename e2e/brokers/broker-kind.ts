import type { Scene } from '../support/scene.js';

/** How three servers of a kind of broker run in a cluster. */
export interface BrokerKind {
  readonly title: string;
  /** Of its pods, NAME-0 to NAME-2, and of their headless Service. */
  readonly name: string;
  /** Of the ports of a server, the one that the gateway connects to. */
  readonly port: number;
  /** A port for other servers, which the gateway must not reach, if they have one. */
  readonly innerPort?: number;
  /** Starts a server: a script for bash that ends in `exec`. The folder /data is its own, and $HOSTNAME the name of its pod. */
  readonly script: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The broker's URL, from HOST:PORT of the servers. */
  url(servers: string): string;
  /** The URL for a role that owns the schema, if the pods' role must not create it: a Job of the chart does. */
  ownerUrl?(servers: string): string;
  /** The role of the pods, which the Job grants what they need. */
  readonly role?: string;
  /** The pod that leads each partition, according to one server. Partitions without a leader are missing. */
  leaders(scene: Scene, server: string): Promise<ReadonlyMap<string, string>>;
  /** Makes another server the leader, for servers that elect none by themselves. */
  promote?(scene: Scene, survivors: readonly string[]): Promise<void>;
}

export const COUNT = 3;

/** The addresses of the servers, with a port, separated by commas. */
export function addresses(name: string, port: number, prefix = ''): string {
  return Array.from({ length: COUNT }, (_, index) => `${prefix}${name}-${index}.${name}:${port}`).join(',');
}

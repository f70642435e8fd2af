import type { RedisNode } from './redis-node.js';

/** Which servers there are, and which of them serves what. */
export interface Topology {
  /** All that serve something. */
  readonly nodes: Iterable<RedisNode>;
  /** Why something cannot be served now; undefined where all can. */
  readonly problem: string | undefined;
  start(): void;
  close(): Promise<void>;
  /** The node that serves a hash tag. */
  nodeOf(tag: string): RedisNode | undefined;
  /** The node that a server's redirection names, `host:port`. */
  redirect(target: string): RedisNode | undefined;
  /** Whether a hash tag's slot is on its way to another node. */
  isMoving(tag: string): boolean;
  /** Looks soon whether something has changed. */
  refresh(): void;
}

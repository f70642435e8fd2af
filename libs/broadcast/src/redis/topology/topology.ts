import type { RedisNode } from './redis-node.js';

/** The servers, and which of them serves what. */
export interface Topology {
  /** All nodes that serve something. */
  readonly nodes: Iterable<RedisNode>;
  /** Why some part cannot be served now; undefined if everything can. */
  readonly problem: string | undefined;
  start(): void;
  close(): Promise<void>;
  /** The node that serves a hash tag. */
  nodeOf(tag: string): RedisNode | undefined;
  /** The node that a redirection names, `host:port`. */
  redirect(target: string): RedisNode | undefined;
  /** Whether a hash tag's slot is moving to another node. */
  isMoving(tag: string): boolean;
  /** Checks soon whether something has changed. */
  refresh(): void;
}

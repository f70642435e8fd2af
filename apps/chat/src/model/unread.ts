import type { Position } from '@holdfast/client';

/** Counts the messages in a room since it was last read. */
export class Unread {
  #count = 0;
  #latest = 0;
  #read: Position | undefined;

  /** @param read the position up to which the room was read before this page was loaded. */
  constructor(read?: Position) {
    this.#read = read;
  }

  get count(): number {
    return this.#count;
  }

  /** The subscription is at `position`. The history of a room that was never read does not count as unread. */
  begin(position: Position): void {
    if (this.#read?.epoch === position.epoch) return;
    this.#read = position;
    this.#latest = position.offset;
  }

  /** @returns whether the message is unread: neither the user's own, nor read before. */
  arrive(offset: number, own: boolean): boolean {
    this.#latest = Math.max(this.#latest, offset);
    const unread = !own && this.#read !== undefined && offset > this.#read.offset;
    if (unread) this.#count += 1;
    return unread;
  }

  /** Marks the room as read. @returns the position, to be stored for the next load of the page. */
  read(): Position | undefined {
    this.#count = 0;
    if (this.#read !== undefined && this.#latest > this.#read.offset)
      this.#read = { ...this.#read, offset: this.#latest };
    return this.#read;
  }
}

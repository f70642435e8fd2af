import type { Position } from '@holdfast/client';

/** Counts what arrived in a room since it was last looked at. */
export class Unread {
  #count = 0;
  #latest = 0;
  #read: Position | undefined;

  /** @param read up to where the room was read before this page was loaded. */
  constructor(read?: Position) {
    this.#read = read;
  }

  get count(): number {
    return this.#count;
  }

  /** The subscription stands at `position`: who never read this stream before does not owe it its history. */
  begin(position: Position): void {
    if (this.#read?.epoch === position.epoch) return;
    this.#read = position;
    this.#latest = position.offset;
  }

  /** @returns whether the message is an unread one: neither one's own, nor read before. */
  arrive(offset: number, own: boolean): boolean {
    this.#latest = Math.max(this.#latest, offset);
    const unread = !own && this.#read !== undefined && offset > this.#read.offset;
    if (unread) this.#count += 1;
    return unread;
  }

  /** The room was looked at. @returns up to where, to be kept for the next load of the page. */
  read(): Position | undefined {
    this.#count = 0;
    if (this.#read !== undefined && this.#latest > this.#read.offset)
      this.#read = { ...this.#read, offset: this.#latest };
    return this.#read;
  }
}

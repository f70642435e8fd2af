import type { Member, Members } from '@holdfast/client';
import { displayName } from './content.js';
import { isRecord } from './store.js';

/** A person in a room: all clients of one user, or one anonymous client. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly you: boolean;
}

/** The people in a room, from the subscribe reply and the joins and leaves that follow it. */
export class Presence {
  readonly #members = new Map<string, Member>();
  /** Clients beyond the gateway's limit of a list, of which only the number is known. */
  #unlisted = 0;

  replace({ members, count }: Members): void {
    this.#members.clear();
    for (const member of members) this.#members.set(member.client, member);
    this.#unlisted = Math.max(0, count - this.#members.size);
  }

  join(member: Member): void {
    this.#members.set(member.client, member);
  }

  leave(member: Member): void {
    if (!this.#members.delete(member.client)) this.#unlisted = Math.max(0, this.#unlisted - 1);
  }

  /** All listed people, each once: you first, then by name. */
  people(user: string | undefined): readonly Person[] {
    const people = new Map<string, Person>();
    for (const member of this.#members.values()) {
      const id = personId(member);
      people.set(id, {
        id,
        name: displayName(isRecord(member.info) ? member.info['name'] : undefined) ?? 'Guest',
        you: member.user !== undefined && member.user === user,
      });
    }
    return [...people.values()].toSorted(
      (a, b) => Number(b.you) - Number(a.you) || a.name.localeCompare(b.name) || a.id.localeCompare(b.id),
    );
  }

  get unlisted(): number {
    return this.#unlisted;
  }
}

/** The same for all windows of one user; each anonymous client is a separate person. */
export function personId({ client, user }: { readonly client: string; readonly user?: string }): string {
  return user === undefined ? `client:${client}` : `user:${user}`;
}

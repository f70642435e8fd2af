import type { GapReason, Member, Members, Message, Position, Sender } from '@holdfast/client';
import { printable, printableJson } from './printable.js';
import type { Terminal } from './terminal.js';

/** How much of an anonymous client's id is shown. */
const SHORT_ID = 8;

/** Prints the events of a channel, one per line. */
export interface Lines {
  message(message: Message, epoch: string | undefined): void;
  /** For output formats whose readers do not see the notice on stderr. */
  gap?(position: Position, reason: GapReason): void;
  join(member: Member): void;
  leave(member: Member): void;
  members(members: Members): void;
}

/** For programs: JSON objects with the kind in `event`. */
export class JsonLines implements Lines {
  readonly #channel: string;
  readonly #terminal: Terminal;

  constructor(channel: string, terminal: Terminal) {
    this.#channel = channel;
    this.#terminal = terminal;
  }

  message(message: Message, epoch: string | undefined): void {
    this.#print('message', { epoch, ...message });
  }

  gap(position: Position, reason: GapReason): void {
    this.#print('gap', { ...position, reason });
  }

  join(member: Member): void {
    this.#print('join', { member });
  }

  leave(member: Member): void {
    this.#print('leave', { member });
  }

  members(members: Members): void {
    this.#print('members', members);
  }

  #print(event: keyof Lines, detail: object): void {
    this.#terminal.print(printableJson({ event, channel: this.#channel, ...detail }));
  }
}

/** For people. A gap is shown on stderr only. */
export class HumanLines implements Lines {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  message({ time, sender, data }: Message): void {
    const name = this.#terminal.style('cyan', nameOf(sender));
    this.#terminal.print(`${this.#terminal.style('dim', localTime(time))}  ${name}  ${printableJson(data)}`);
  }

  join(member: Member): void {
    this.#presence(`${nameOf(member)} joined`);
  }

  leave(member: Member): void {
    this.#presence(`${nameOf(member)} left`);
  }

  members({ members, count }: Members): void {
    this.#presence(`${count} here: ${members.map(nameOf).join(', ')}${count > members.length ? ', …' : ''}`);
  }

  #presence(text: string): void {
    this.#terminal.print(this.#terminal.style('dim', `* ${text}`));
  }
}

/** A name in parentheses is not a user's. */
function nameOf(sender: Sender | undefined): string {
  if (sender === undefined) return '(api)';
  return printable(sender.user ?? `(anonymous ${sender.client.slice(0, SHORT_ID)})`);
}

/** `2026-01-31 23:59:59`, in the time zone of this machine. */
function localTime(time: number): string {
  const date = new Date(time);
  const local = new Date(time - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

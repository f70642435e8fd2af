import { MAX_TEXT_LENGTH, sendableText } from '../model/content.js';
import type { Drafts } from '../model/drafts.js';
import { byId, setText } from '@holdfast/page/dom';

/** The number of characters before the limit from which on the remaining length is shown. */
const COUNTER_FROM = 200;

/** The message input. Its draft belongs to a room, and survives a change of room and a reload. */
export class Composer {
  readonly #form = byId('composer-form', HTMLFormElement);
  readonly #input = byId('composer', HTMLTextAreaElement);
  readonly #send = byId('send', HTMLButtonElement);
  readonly #counter = byId('counter', HTMLElement);
  readonly #drafts: Drafts;
  #room: string | undefined;

  constructor(drafts: Drafts, send: (text: string) => void) {
    this.#drafts = drafts;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = sendableText(this.#input.value);
      if (text === undefined) return;
      send(text);
      this.#input.value = '';
      this.#typed();
      this.#input.focus();
    });
    this.#input.addEventListener('input', () => this.#typed());
    this.#input.addEventListener('keydown', (event) => {
      // Enter also confirms the composition of a character (Chinese, Japanese, Korean), which must not send.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
  }

  /** Shows the draft of this room, unless the room is already shown. */
  open(room: string): void {
    if (room === this.#room) return;
    this.#room = room;
    this.#input.value = this.#drafts.get(room);
    this.#input.placeholder = `Message #${room}`;
    this.#fit();
    // On a phone, focus would open the keyboard and cover half of the room.
    if (matchMedia('(pointer: fine)').matches) this.#input.focus();
  }

  focus(): void {
    this.#input.focus();
  }

  #typed(): void {
    if (this.#room !== undefined) this.#drafts.set(this.#room, this.#input.value);
    this.#fit();
  }

  #fit(): void {
    const { value, style } = this.#input;
    style.height = 'auto';
    style.height = `${this.#input.scrollHeight}px`;
    const rest = MAX_TEXT_LENGTH - value.trimEnd().length;
    this.#counter.hidden = rest >= COUNTER_FROM;
    this.#counter.classList.toggle('over', rest < 0);
    setText(this.#counter, rest < 0 ? `${-rest} characters too long` : `${rest} characters left`);
    this.#send.disabled = sendableText(value) === undefined;
  }
}

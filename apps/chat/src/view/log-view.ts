import { layout, type Row } from '../model/layout.js';
import type { NoticeReason } from '../model/timeline.js';
import type { Room } from '../room.js';
import { byId, element, setText } from '@holdfast/page/dom';
import { KeyedList } from '@holdfast/page/keyed-list';
import { createMessage, updateMessage, type MessageActions } from './message-row.js';
import { formatDay } from './time-format.js';

/** The distance from the end that still counts as the end, in pixels. */
const END_TOLERANCE = 64;

const NOTICES: Record<NoticeReason, string> = {
  gap: 'Some messages are missing here',
  not_recovered: 'The history was lost and started again: messages may be missing here',
  removed: 'You were removed from this room: choose it in the list to join again',
  refused: 'The gateway refused access to this room',
};

/** The messages of the current room. Keeps the end in view as long as the reader is there. */
export class LogView {
  readonly #log = byId('message-log', HTMLElement);
  readonly #list = byId('messages', HTMLElement);
  readonly #empty = byId('log-empty', HTMLElement);
  readonly #jump = byId('jump-to-end', HTMLButtonElement);
  readonly #jumpLabel = byId('jump-label', HTMLElement);
  readonly #rows: KeyedList<Row>;
  #room: Room | undefined;
  #atEnd = true;
  #arrivals = 0;
  #missed = 0;

  constructor({ retry, discard }: MessageActions) {
    // The buttons disappear, so the keyboard focus moves to the log.
    const actions: MessageActions = {
      retry: (key) => {
        retry(key);
        this.#focus();
      },
      discard: (key) => {
        discard(key);
        this.#focus();
      },
    };
    this.#rows = new KeyedList(this.#list, {
      key: (row) => row.id,
      create: (row) => (row.kind === 'message' ? createMessage(row) : createDivider(row)),
      update: (node, row) => {
        if (row.kind === 'message') updateMessage(node, row, actions);
        else if (row.kind === 'day') setText(node, formatDay(row.time));
      },
    });
    this.#log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener('click', () => {
      const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
      this.#log.scrollTo({ top: this.#log.scrollHeight, behavior: calm ? 'instant' : 'smooth' });
      this.#focus();
    });
    // Keep the end in view if a phone's keyboard, a rotated screen or a larger composer leaves less room.
    new ResizeObserver(() => this.#follow()).observe(this.#log);
  }

  render(room: Room): void {
    const { entries } = room.timeline;
    if (room !== this.#room) this.#open(room);
    if (!this.#atEnd) this.#missed += room.timeline.arrivals - this.#arrivals;
    this.#arrivals = room.timeline.arrivals;
    this.#rows.render(layout(entries, room.newFrom));
    this.#empty.hidden = !room.loaded || entries.length > 0;
    this.#follow();
    this.#showJump();
    // Screen readers should not announce the history of a newly opened room.
    if (room.loaded) requestAnimationFrame(() => this.#log.setAttribute('aria-live', 'polite'));
  }

  /** Scrolls to the end and stays there, because the person has sent a message. */
  followEnd(): void {
    this.#atEnd = true;
    this.#missed = 0;
    this.#follow();
  }

  #focus(): void {
    this.#log.focus({ preventScroll: true });
  }

  #open(room: Room): void {
    this.#room = room;
    this.#atEnd = true;
    this.#missed = 0;
    this.#log.setAttribute('aria-live', 'off');
    this.#log.setAttribute('aria-label', `Messages in ${room.name}`);
    this.#rows.render([]);
  }

  #follow(): void {
    if (this.#atEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < END_TOLERANCE;
    if (this.#atEnd) this.#missed = 0;
    this.#showJump();
  }

  #showJump(): void {
    this.#jump.hidden = this.#atEnd;
    const plural = this.#missed === 1 ? 'new message' : 'new messages';
    setText(this.#jumpLabel, this.#missed === 0 ? 'Latest messages' : `${this.#missed} ${plural}`);
    this.#jump.classList.toggle('has-new', this.#missed > 0);
  }
}

function createDivider(row: Exclude<Row, { kind: 'message' }>): HTMLElement {
  switch (row.kind) {
    case 'day':
      return element('div', { class: 'divider day' }, formatDay(row.time));
    case 'new':
      return element('div', { class: 'divider new' }, 'New');
    case 'notice':
      return element(
        'div',
        { class: 'divider notice', data: { testid: 'history-notice', reason: row.reason } },
        NOTICES[row.reason],
      );
  }
}

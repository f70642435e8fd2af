import { linkify } from '../model/linkify.js';
import type { Row } from '../model/layout.js';
import { avatar, setHue, updateAvatar } from './avatar.js';
import { element, setText } from '@holdfast/page/dom';
import { formatClock, formatFull } from './time-format.js';

type MessageRow = Extract<Row, { kind: 'message' }>;

export interface MessageActions {
  readonly retry: (key: string) => void;
  readonly discard: (key: string) => void;
}

/** One message. Each contains its author for screen readers; it is only shown in the first of a group. */
export function createMessage({ entry }: MessageRow): HTMLElement {
  const { author } = entry;
  const authorNode = element('bdi', { class: 'author', data: { testid: 'message-author' } }, author.name);
  if (author.own) authorNode.append(element('span', { class: 'visually-hidden' }, ' (you)'));
  const node = element(
    'div',
    { class: author.own ? 'message own' : 'message', data: { testid: 'message' } },
    element('p', { class: 'byline' }, authorNode, element('time')),
    element(
      'p',
      { class: 'text', data: { testid: 'message-text' }, attributes: { dir: 'auto' } },
      ...textNodes(entry.text),
    ),
  );
  if (!author.own) {
    const picture = avatar();
    updateAvatar(picture, author.name, author.id);
    setHue(node, author.id);
    node.prepend(picture);
  }
  return node;
}

export function updateMessage(node: HTMLElement, { entry, first, last }: MessageRow, actions: MessageActions): void {
  const { key, state } = entry;
  node.classList.toggle('first', first);
  node.classList.toggle('last', last);
  if (key !== undefined) node.dataset['key'] = key;
  const clock = node.querySelector('time');
  if (clock !== null) showTime(clock, entry.time);
  if (node.dataset['state'] === state) return;
  node.dataset['state'] = state;
  node.querySelector('.delivery')?.remove();
  if (state !== 'sent' && key !== undefined) node.append(delivery(state, key, actions));
}

/** Updates the time, because the broker's clock replaces this machine's. */
function showTime(node: HTMLTimeElement, time: number): void {
  const dateTime = new Date(time).toISOString();
  if (node.dateTime === dateTime) return;
  node.dateTime = dateTime;
  node.title = formatFull(time);
  setText(node, formatClock(time));
}

function delivery(state: 'sending' | 'failed', key: string, actions: MessageActions): HTMLElement {
  if (state === 'sending') return element('p', { class: 'delivery' }, 'Sending…');
  const retry = element('button', { class: 'text-button', attributes: { type: 'button' } }, 'Retry');
  const discard = element('button', { class: 'text-button', attributes: { type: 'button' } }, 'Discard');
  retry.addEventListener('click', () => actions.retry(key));
  discard.addEventListener('click', () => actions.discard(key));
  return element('p', { class: 'delivery' }, 'Not sent', retry, discard);
}

function textNodes(text: string): (Node | string)[] {
  return linkify(text).map((part) =>
    'href' in part
      ? element(
          'a',
          { attributes: { href: part.href, target: '_blank', rel: 'noopener noreferrer nofollow' } },
          part.text,
        )
      : part.text,
  );
}

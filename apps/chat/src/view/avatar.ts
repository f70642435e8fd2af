import { hueOf, initials } from '../model/avatar.js';
import { element, setText } from '@holdfast/page/dom';

/** The initials of a name on the person's colour. Only decoration, because the name is always beside it. */
export function avatar(): HTMLElement {
  return element('span', { class: 'avatar', attributes: { 'aria-hidden': 'true' } });
}

export function updateAvatar(node: HTMLElement, name: string, personId: string): void {
  setText(node, initials(name));
  setHue(node, personId);
}

export function setHue(node: HTMLElement, personId: string): void {
  node.style.setProperty('--hue', String(hueOf(personId)));
}

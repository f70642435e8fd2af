import { Window } from 'happy-dom';

// React reads these when it is imported. Everything else stays Node's, such as WebSocket and timers.
const window = new Window({ url: 'http://page.test/' });
Object.assign(globalThis, { window, document: window.document });

export function container(): HTMLElement {
  return document.createElement('div');
}

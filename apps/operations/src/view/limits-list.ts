import { element, setText } from '@holdfast/page/dom';
import { KeyedList } from '@holdfast/page/keyed-list';
import type { Limit } from '../api/answers.js';
import { formatBytes, formatCount, formatMs } from '../model/format.js';

/** From which share on a limit is marked. */
const HIGH = 0.8;

const LABELS: Readonly<Record<string, string>> = {
  connections: 'Connections',
  channels: 'Channels',
  heldBytes: 'Memory for clients',
  bufferedBytes: 'Waiting to be sent',
  memoryBytes: 'Memory of the pod',
  eventLoopDelayMs: 'Delay of the event loop',
};

/** How much of each limit is used. */
export class LimitsList {
  readonly element = element('dl', { class: 'limits' });
  readonly #list = new KeyedList<Limit>(this.element, {
    key: ({ name }) => name,
    create: ({ name }) => {
      const label = LABELS[name] ?? name;
      const meter = element('meter', { attributes: { min: '0', max: '1', high: String(HIGH), optimum: '0' } });
      meter.ariaLabel = label;
      return element('div', {}, element('dt', {}, label), element('dd', {}, element('span'), meter));
    },
    update: (node, { name, used, max }) => {
      const format = name.endsWith('Bytes') ? formatBytes : name.endsWith('Ms') ? formatMs : formatCount;
      const share = max === 0 ? 0 : used / max;
      const text = node.querySelector('span');
      const meter = node.querySelector('meter');
      if (text === null || meter === null) return;
      setText(text, `${format(used)} of ${format(max)} (${Math.round(100 * share)} %)`);
      meter.value = share;
    },
  });

  render(limits: readonly Limit[]): void {
    this.#list.render(limits);
  }
}

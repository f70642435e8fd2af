import { byId, setText } from '@holdfast/page/dom';
import type { PodState } from '../api/answers.js';
import { stageOf } from '../model/pod.js';
import type { Route } from '../model/route.js';

/** The pod, its state, and whether what is shown is still true. */
export class PageHead {
  readonly #pod = byId('pod', HTMLElement);
  readonly #stage = byId('stage', HTMLElement);
  readonly #links = byId('views', HTMLElement).querySelectorAll('a');

  constructor() {
    // Its address would be that of a view.
    byId('skip-link', HTMLElement).addEventListener('click', (event) => {
      event.preventDefault();
      byId('view', HTMLElement).focus();
    });
  }

  render(state: PodState): void {
    const stage = stageOf(state);
    setText(this.#pod, state.node);
    setText(this.#stage, stage);
    this.#stage.dataset['state'] = stage === 'ready' ? 'good' : 'bad';
  }

  /** There is no answer. */
  renderSilence(): void {
    setText(this.#stage, 'no answer');
    this.#stage.dataset['state'] = 'bad';
  }

  mark({ view }: Route): void {
    const list = { user: 'users', channel: 'channels' }[view as string] ?? view;
    for (const link of this.#links) link.ariaCurrent = link.hash === `#${list}` ? 'page' : null;
  }
}

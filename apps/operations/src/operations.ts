import { byId, setText } from '@holdfast/page/dom';
import { AdminApi, RefusedError, UnreachableError } from './api/admin-api.js';
import type { PodState } from './api/answers.js';
import { forgetKey, keepKey, readKey } from './model/admin-key.js';
import { LookAgain } from './model/look-again.js';
import { Rates } from './model/rates.js';
import { routeOf, type Route } from './model/route.js';
import { ChannelView } from './view/channel-view.js';
import { Confirmation } from './view/confirmation.js';
import { channelsView, connectionsView } from './view/lists.js';
import { PageHead } from './view/page-head.js';
import { PodView } from './view/pod-view.js';
import { SignIn } from './view/sign-in.js';
import { UserView } from './view/user-view.js';
import { UsersView } from './view/users-view.js';
import type { View } from './view/view.js';

/** How long after a look the next one follows, in ms. */
const LOOK_EVERY_MS = 1_000;

/** The page: a key, one view at a time, and a look at the pod every second. */
export class Operations {
  readonly #signIn = new SignIn((key) => this.#open(key));
  readonly #head = new PageHead();
  readonly #confirmation = new Confirmation();
  readonly #content = byId('content', HTMLElement);
  readonly #signedIn = byId('signed-in', HTMLElement);
  readonly #title = byId('title', HTMLElement);
  /** Why the latest look has failed. */
  readonly #problem = byId('problem', HTMLElement);
  /** Why the latest action has failed. It stays until the next one, or another view. */
  readonly #failure = byId('failure', HTMLElement);
  readonly #looks = new LookAgain(() => this.#look(), LOOK_EVERY_MS);
  #rates = new Rates();
  #view: View | undefined;
  #api: AdminApi | undefined;
  #state: PodState | undefined;

  constructor() {
    byId('forget', HTMLButtonElement).addEventListener('click', () => this.#close());
    addEventListener('hashchange', () => {
      if (this.#api !== undefined) this.#show(routeOf(location.hash));
    });
    const key = readKey();
    if (key === undefined) this.#signIn.show();
    else this.#open(key);
  }

  #open(key: string): void {
    keepKey(key);
    this.#api = new AdminApi(key);
    this.#rates = new Rates();
    this.#show(routeOf(location.hash));
  }

  /** @param problem why a key is needed again. */
  #close(problem?: string): void {
    forgetKey();
    this.#looks.stop();
    this.#api = undefined;
    this.#state = undefined;
    this.#view = undefined;
    this.#content.replaceChildren();
    this.#signedIn.hidden = true;
    this.#signIn.show(problem);
  }

  #show(route: Route): void {
    const view = this.#viewOf(route);
    this.#view = view;
    this.#head.mark(route);
    setText(this.#title, view.title);
    document.title = `${view.title} · Holdfast operations`;
    this.#problem.hidden = true;
    this.#failure.hidden = true;
    this.#content.replaceChildren(view.element);
    // What a view shows before its first answer would be wrong.
    this.#content.hidden = true;
    this.#looks.now();
  }

  #viewOf(route: Route): View {
    const refreshNow = (): void => this.#looks.now();
    switch (route.view) {
      case 'pod':
        return new PodView(this.#rates);
      case 'connections':
        return connectionsView(refreshNow);
      case 'channels':
        return channelsView(refreshNow);
      case 'users':
        return new UsersView();
      case 'user':
        return new UserView(route.name, {
          confirmation: this.#confirmation,
          act: (action) => void this.#act(action),
        });
      case 'channel':
        return new ChannelView(route.name);
    }
  }

  async #act(action: (api: AdminApi, state: PodState) => Promise<void>): Promise<void> {
    if (this.#api === undefined || this.#state === undefined) return;
    this.#failure.hidden = true;
    try {
      await action(this.#api, this.#state);
    } catch (error) {
      setText(this.#failure, `This has failed: ${messageOf(error)}`);
      this.#failure.hidden = false;
    }
    this.#looks.now();
  }

  async #look(): Promise<void> {
    const [api, view] = [this.#api, this.#view];
    if (api === undefined || view === undefined) return;
    try {
      const state = await api.state();
      if (api !== this.#api) return;
      this.#signIn.hide();
      this.#signedIn.hidden = false;
      this.#state = state;
      this.#rates.add(state);
      this.#head.render(state);
      await view.refresh(api, state);
      if (view !== this.#view) return;
      this.#content.hidden = false;
      this.#content.classList.remove('stale');
      this.#problem.hidden = true;
    } catch (error) {
      if (api === this.#api && view === this.#view) this.#report(error);
    }
  }

  #report(error: unknown): void {
    if (error instanceof RefusedError && error.code === 'unauthorized') {
      this.#close('The pod does not know this key.');
      return;
    }
    this.#signIn.hide();
    this.#signedIn.hidden = false;
    this.#content.classList.add('stale');
    const isSilent = error instanceof UnreachableError;
    if (isSilent) this.#head.renderSilence();
    setText(this.#problem, isSilent ? 'The pod does not answer. Trying again…' : messageOf(error));
    this.#problem.hidden = false;
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof RefusedError || error instanceof UnreachableError)) reportError(error);
  return error instanceof Error ? error.message : String(error);
}

import { Chat } from './chat.js';
import { fetchConfig, type DemoConfig } from './demo-api.js';
import { Drafts } from './model/drafts.js';
import { Identities } from './model/identity.js';
import { roomOfHash } from './model/room-name.js';
import { browserStorage, Store } from './model/store.js';
import { Page } from './page.js';
import { NameDialog } from './view/name-dialog.js';

/** In ms. */
const LONGEST_RETRY_DELAY = 10_000;

const tab = new Store(browserStorage('sessionStorage'));
const drafts = new Drafts(tab);
const identities = new Identities(tab, new Store(browserStorage('localStorage')));
const nameDialog = new NameDialog();

const loading = loadConfig();
const identity = identities.current() ?? identities.join(await nameDialog.ask(identities.remembered()?.name));
const config = await loading;
const chat = new Chat({ config, identity, store: tab, drafts }, roomOfHash(location.hash));
new Page(chat, drafts, {
  anonymous: config.anonymous,
  changeName: () =>
    nameDialog.change(chat.identity.name, (name) => chat.rename(identities.rename(chat.identity, name))),
});

/** Retries until the gateway is available, because the page may have been loaded from a cache. */
async function loadConfig(): Promise<DemoConfig> {
  for (let delay = 500; ; delay = Math.min(delay * 2, LONGEST_RETRY_DELAY)) {
    try {
      return await fetchConfig();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

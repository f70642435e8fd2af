import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { ChatWindow } from '../../apps/chat/test/support/chat-window.js';
import { launchChromium } from '../../apps/chat/test/support/chromium.js';
import { LAST_RUN } from '../report/records.js';
import { createCertificate } from '../support/certificate.js';
import { Cluster } from '../support/cluster.js';
import { ask } from '../support/http.js';
import { eventually } from '../support/eventually.js';
import { Namespace } from '../support/namespace.js';
import { Scene } from '../support/scene.js';

let namespace: Namespace;
let scene: Scene;
let browser: Browser;

beforeAll(async () => {
  namespace = await Namespace.create(Cluster.connect(), 'browser');
  scene = await Scene.install(namespace, {
    config: {
      demo: true,
      auth: { anonymous: true },
      namespaceDefaults: { presence: true, subscribe: 'anyone', publish: 'anyone' },
    },
    tls: { enabled: true, secretName: 'tls', redirect: false },
  });
  const routes = scene.routes.all;
  await createCertificate(
    namespace,
    routes.map(({ host }) => host),
  );
  for (const { address, host } of routes) {
    await eventually(async () => expect(await ask({ address, host, path: '/', tls: true })).toEqual([200]));
  }
  const rules = routes.map(({ host, address }) => `MAP ${host} ${address}`);
  browser = await launchChromium([`--host-resolver-rules=${rules.join(', ')}`]);
}, 600_000);

afterAll(async () => {
  await browser?.close();
  await namespace?.remove();
});

beforeEach(() => namespace.collectOnFailure());

async function screenshot(window: ChatWindow, name: string): Promise<void> {
  await mkdir(LAST_RUN, { recursive: true });
  await window.page.screenshot({ path: join(LAST_RUN, `chat-${name}.png`) });
}

/** Two people even if there is one class. */
const PEOPLE = ['Ann', 'Bob', 'Cid'].slice(0, Math.max(2, inject('ingressClasses').length));

it('people chat through the Ingress of each class over TLS, and do not notice a rolling restart', async () => {
  const { all: routes } = scene.routes;
  const windows: ChatWindow[] = [];
  for (const [index, name] of PEOPLE.entries()) {
    const host = routes[index % routes.length]?.host ?? '';
    const window = await ChatWindow.open(browser, `https://${host}/`, name);
    const cookies = await window.page.context().cookies();
    expect(cookies.map(({ name: cookie, secure, httpOnly }) => ({ cookie, secure, httpOnly }))).toContainEqual({
      cookie: 'route',
      secure: true,
      httpOnly: true,
    });
    windows.push(window);
  }
  const [ann] = windows as [ChatWindow, ...ChatWindow[]];
  const before = await Promise.all(windows.map((window) => window.node()));
  const lines: string[] = [];
  const say = async (text: string): Promise<void> => {
    const speaker = windows[lines.length % windows.length] ?? ann;
    lines.push(text);
    await speaker.say(text);
    for (const window of windows) await window.shows(...lines);
  };
  for (const name of PEOPLE) await say(`Before the rollout, ${name}`);
  await screenshot(ann, 'before');

  const states = await Promise.all(windows.map((window) => window.watchStates()));
  await scene.release.restart();
  const rollout = { done: false };
  const rolledOut = scene.release.rolledOut().finally(() => (rollout.done = true));
  for (let count = 1; !rollout.done; count += 1) {
    await say(`During the rollout ${count}`);
    if (count === 3) await screenshot(ann, 'during');
  }
  await rolledOut;
  for (const name of PEOPLE) await say(`After the rollout, ${name}`);
  await screenshot(ann, 'after');

  const pods = await scene.release.podNames();
  for (const window of windows) {
    expect(pods).toContain(await window.node());
    expect(before).not.toContain(await window.node());
    expect(window.complaints).toEqual([]);
  }
  for (const seen of states) expect(new Set(await seen())).not.toContain('reconnecting');
});

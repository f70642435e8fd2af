import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
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
    tls: { enabled: true, secretName: 'tls' },
  });
  await createCertificate(namespace, scene.host);
  const page = { address: scene.ingressAddress, host: scene.host, path: '/', tls: true };
  await eventually(async () => expect(await ask(page)).toEqual([200]));
  browser = await launchChromium([`--host-resolver-rules=MAP ${scene.host} ${scene.ingressAddress}`]);
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

it('two people chat through the ingress over TLS, and do not notice a rolling restart', async () => {
  const url = `https://${scene.host}/`;
  const ann = await ChatWindow.open(browser, url, 'Ann');
  const bob = await ChatWindow.open(browser, url, 'Bob');
  const [annBefore, bobBefore] = [await ann.node(), await bob.node()];
  const cookies = await ann.page.context().cookies();
  expect(cookies.map(({ name, secure, httpOnly }) => ({ name, secure, httpOnly }))).toContainEqual({
    name: 'route',
    secure: true,
    httpOnly: true,
  });
  const lines: string[] = [];
  const say = async (speaker: ChatWindow, text: string): Promise<void> => {
    lines.push(text);
    await speaker.say(text);
    await ann.shows(...lines);
    await bob.shows(...lines);
  };
  await say(ann, 'Before the rollout');
  await screenshot(ann, 'before');

  const states = await Promise.all([ann.watchStates(), bob.watchStates()]);
  await scene.release.restart();
  const rollout = { done: false };
  const rolledOut = scene.release.rolledOut().finally(() => (rollout.done = true));
  for (let count = 1; !rollout.done; count += 1) {
    await say(count % 2 === 0 ? ann : bob, `During the rollout ${count}`);
    if (count === 3) await screenshot(ann, 'during');
  }
  await rolledOut;
  await say(bob, 'After the rollout');
  await screenshot(ann, 'after');

  const after = await scene.release.podNames();
  expect(after).toContain(await ann.node());
  expect(after).toContain(await bob.node());
  expect(after).not.toContain(annBefore);
  expect(after).not.toContain(bobBefore);
  for (const seen of states) expect(new Set(await seen())).not.toContain('reconnecting');
  expect([...ann.complaints, ...bob.complaints]).toEqual([]);
});

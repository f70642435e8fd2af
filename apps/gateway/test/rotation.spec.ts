import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { watchSecrets } from '../src/config/index.js';
import { Backend, webhookSecret } from './support/backend.js';
import { connectAs, refusal } from './support/connect-as.js';
import { startGateway, type TestGateway } from './support/gateway.js';
import { secretKey, signToken } from './support/tokens.js';

const OLD = 'the-old-secret-of-32-bytes-or-more-of-the-tests';
const NEW = 'the-new-secret-of-32-bytes-or-more-of-the-tests';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'holdfast-'))));
afterEach(() => rm(folder, { recursive: true }));

function sign(secret: string): Promise<string> {
  return signToken({ sub: 'ann', channels: ['*'], publish: ['*'] }, { key: secretKey(secret) });
}

/** A gateway that reads this secret from a file, like from a mounted Secret, and a function that replaces the file. */
async function startWithSecret(
  variable: string,
  text: string,
  file: object = {},
): Promise<{ sut: TestGateway; rotate: (text: string) => Promise<void> }> {
  const path = join(folder, variable);
  await writeFile(path, text);
  const sut = await startGateway(file, { [variable]: '', [`${variable}_FILE`]: path, HOLDFAST_ANONYMOUS: 'false' });
  const onChange = vi.fn<Parameters<typeof watchSecrets>[1]>();
  onTestFinished(watchSecrets(sut.config, onChange, 10));
  return {
    sut,
    rotate: async (next) => {
      onChange.mockClear();
      await writeFile(path, next);
      await vi.waitFor(() => expect(onChange).toHaveBeenCalledWith({ variable: `${variable}_FILE` }));
    },
  };
}

describe('the rotation of a secret closes no connection', () => {
  it('for tokens: both secrets, then only the new one', async () => {
    const { sut, rotate } = await startWithSecret('HOLDFAST_JWT_SECRET', OLD);
    const client = await sut.connect(`?access_token=${await sign(OLD)}`);
    await client.subscribe('chat:lobby');
    expect(await refusal(client.request('refresh', { token: await sign(NEW) }))).toMatchObject({
      code: 'unauthorized',
    });

    await rotate(`${NEW}\n${OLD}`);
    for (const secret of [OLD, NEW, OLD]) {
      expect(await client.request('refresh', { token: await sign(secret) })).toEqual({});
      await (await sut.connect(`?access_token=${await sign(secret)}`)).close();
    }

    await rotate(NEW);
    expect(await refusal(client.request('refresh', { token: await sign(OLD) }))).toMatchObject({
      code: 'unauthorized',
    });
    expect(await client.request('refresh', { token: await sign(NEW) })).toEqual({});
    await client.publish('chat:lobby', 'still here');
    await vi.waitFor(() => expect(client.offsets('chat:lobby')).toEqual([1]));
    expect(client.of('unsubscribed')).toEqual([]);
  });

  it('for tokens with a private key: both public keys, then only the new one', async () => {
    const [older, newer] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'P-256' })];
    const oldPem = older.publicKey.export({ type: 'spki', format: 'pem' });
    const newPem = newer.publicKey.export({ type: 'spki', format: 'pem' });
    const signOld = (): Promise<string> => signToken({ sub: 'ann' }, { alg: 'EdDSA', key: older.privateKey });
    const signNew = (): Promise<string> => signToken({ sub: 'ann' }, { alg: 'ES256', key: newer.privateKey });
    const { sut, rotate } = await startWithSecret('HOLDFAST_JWT_PUBLIC_KEY', oldPem);
    const client = await sut.connect(`?access_token=${await signOld()}`);

    await rotate(`${oldPem}${newPem}`);
    for (const make of [signOld, signNew]) expect(await client.request('refresh', { token: await make() })).toEqual({});
    await rotate(newPem);
    expect(await refusal(client.request('refresh', { token: await signOld() }))).toMatchObject({
      code: 'unauthorized',
    });
    expect(await client.request('refresh', { token: await signNew() })).toEqual({});
  });

  it('for the API: both keys are accepted while both are set', async () => {
    const { sut, rotate } = await startWithSecret('HOLDFAST_API_KEYS', 'the-old-key-of-the-api');
    const status = async (key: string): Promise<number> => {
      const answer = await fetch(`${sut.url}/api/channels`, { headers: { 'X-API-Key': key } });
      await answer.text();
      return answer.status;
    };
    expect(await status('the-new-key-of-the-api')).toBe(401);
    await rotate('the-new-key-of-the-api,the-old-key-of-the-api');
    expect([await status('the-new-key-of-the-api'), await status('the-old-key-of-the-api')]).toEqual([200, 200]);
    await rotate('the-new-key-of-the-api');
    expect([await status('the-new-key-of-the-api'), await status('the-old-key-of-the-api')]).toEqual([200, 401]);
  });

  it('for webhooks: requests are signed with both secrets while both are set', async () => {
    const backend = await Backend.start(() => ({ allow: true }));
    const [older = ''] = backend.secrets;
    const newer = webhookSecret();
    const { sut, rotate } = await startWithSecret('HOLDFAST_WEBHOOK_SECRET', older, {
      webhooks: { authorization: { url: backend.url, actions: ['publish'], cache: 0 } },
      namespaceDefaults: { publish: 'granted' },
    });
    const client = await connectAs(sut, { sub: 'ann' });
    const publish = (): Promise<unknown> => client.publish('chat:lobby', 1);
    await publish();

    await rotate(`${newer},${older}`);
    await publish();
    backend.secrets = [newer];
    await publish();
    await rotate(newer);
    await publish();
    expect(backend.unsigned).toBe(0);
    await rotate(older);
    expect(await refusal(publish())).toMatchObject({ code: 'authorization_unavailable' });
    expect(backend.unsigned).toBe(1);
    expect(await client.request('ping')).toEqual({});
  });
});

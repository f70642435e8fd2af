import { mkdtemp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from './load-config.js';
import { watchSecrets, type SecretChange } from './watch-secrets.js';

const OLD = 'the old secret of over thirty-two bytes';
const NEW = 'the new secret of over thirty-two bytes';
const PROBLEM = 'HOLDFAST_JWT_SECRET_FILE: expected secrets of at least 32 bytes each, separated by commas or lines';

describe('a secret file', () => {
  let folder: string;
  let file: string;
  let stop: (() => void) | undefined;
  const changes: SecretChange[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-'));
    file = join(folder, 'jwt');
    changes.length = 0;
  });

  afterEach(async () => {
    stop?.();
    await rm(folder, { recursive: true });
  });

  function start() {
    const config = loadConfig({ HOLDFAST_JWT_SECRET_FILE: file, HOLDFAST_PORT: '0' });
    stop = watchSecrets(config, (change) => changes.push(change), 10);
    return config.auth.jwt.secrets;
  }

  it('is read again when it changes', async () => {
    await writeFile(file, OLD);
    const sut = start();
    expect(sut.current).toEqual([OLD]);

    await writeFile(join(folder, 'next'), `${NEW}\n${OLD}`);
    await rename(join(folder, 'next'), file);

    await vi.waitFor(() => expect(sut.current).toEqual([NEW, OLD]));
    expect(changes).toEqual([{ variable: 'HOLDFAST_JWT_SECRET_FILE' }]);
  });

  it('is read again when Kubernetes swaps its folder', async () => {
    for (const [name, secret] of Object.entries({ '..1': OLD, '..2': NEW })) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'jwt'), secret);
    }
    await symlink('..1', join(folder, '..data'));
    await symlink('..data/jwt', file);
    const sut = start();

    await symlink('..2', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));

    await vi.waitFor(() => expect(sut.current).toEqual([NEW]));
  });

  it('with an invalid value is reported once, without the value, and the old secret stays', async () => {
    await writeFile(file, OLD);
    const sut = start();

    await writeFile(join(folder, 'next'), 'too short');
    await rename(join(folder, 'next'), file);
    await vi.waitFor(() => expect(changes).toEqual([{ variable: 'HOLDFAST_JWT_SECRET_FILE', problem: PROBLEM }]));
    expect(sut.current).toEqual([OLD]);

    await writeFile(join(folder, 'next'), NEW);
    await rename(join(folder, 'next'), file);
    await vi.waitFor(() => expect(sut.current).toEqual([NEW]));
    expect(changes).toHaveLength(2);
  });

  it.each([
    ['is missing', () => rm(file), 'ENOENT'],
    ['is not UTF-8', () => writeFile(file, Uint8Array.of(0xff)), 'ERR_ENCODING_INVALID_ENCODED_DATA'],
  ])('that %s is reported once, and the old secret stays', async (_, change, code) => {
    await writeFile(file, OLD);
    const sut = start();

    await change();
    await vi.waitFor(() =>
      expect(changes.at(-1)?.problem).toBe(
        `HOLDFAST_JWT_SECRET_FILE: expected the path of a readable UTF-8 file (${code})`,
      ),
    );
    expect(sut.current).toEqual([OLD]);

    await writeFile(join(folder, 'next'), NEW);
    await rename(join(folder, 'next'), file);
    await vi.waitFor(() => expect(sut.current).toEqual([NEW]));
    expect(changes.filter(({ problem }) => problem?.includes(code))).toHaveLength(1);
  });

  it('that is emptied removes the secret, and this is logged', async () => {
    await writeFile(file, OLD);
    const sut = start();

    await writeFile(file, '\n');

    await vi.waitFor(() => expect(sut.current).toEqual([]));
    expect(changes).toEqual([{ variable: 'HOLDFAST_JWT_SECRET_FILE', isEmpty: true }]);
  });

  it('of the broker that is emptied is refused, and the old value stays', async () => {
    await writeFile(file, 'redis://host');
    const config = loadConfig({ HOLDFAST_BROKER_FILE: file });
    stop = watchSecrets(config, (change) => changes.push(change), 10);

    await writeFile(file, '');

    await vi.waitFor(() => expect(changes).toEqual([expect.objectContaining({ problem: expect.any(String) })]));
    expect(config.broker.current).toBe('redis://host');
  });

  it('with an invalid value does not delay others', async () => {
    const keys = join(folder, 'keys');
    await writeFile(file, OLD);
    await writeFile(keys, 'the-old-key-of-the-api');
    const config = loadConfig({ HOLDFAST_JWT_SECRET_FILE: file, HOLDFAST_API_KEYS_FILE: keys });
    stop = watchSecrets(config, (change) => changes.push(change), 10);

    await writeFile(file, 'too short');
    await vi.waitFor(() => expect(changes).toContainEqual({ variable: 'HOLDFAST_JWT_SECRET_FILE', problem: PROBLEM }));
    await writeFile(keys, 'the-new-key-of-the-api');

    await vi.waitFor(() => expect(config.apiKeys.current).toEqual(['the-new-key-of-the-api']));
  });

  it('is ignored after the watch has stopped', async () => {
    vi.useFakeTimers();
    try {
      await writeFile(file, OLD);
      start();
      expect(vi.getTimerCount()).toBe(1);
      stop?.();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

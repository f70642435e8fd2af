import jsonwebtoken from 'jsonwebtoken';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connectionClaims } from '../src/auth/connection-claims.js';
import { ApiKeyGuard } from '../src/auth/index.js';
import { connectAs } from './support/connect-as.js';
import { API_KEY, startGateway } from './support/gateway.js';
import { kernelWrites } from './support/kernel-writes.js';

// Counted instead of timed, so that a regression fails on any machine.

afterEach(() => vi.restoreAllMocks());

describe('the cost of a connect', () => {
  it('is one write for the response to the upgrade and the welcome', async () => {
    const gateway = await startGateway();
    const writes = kernelWrites(gateway.app.getHttpServer());
    await connectAs(gateway, { sub: 'ann' });
    expect(writes).toHaveLength(1);
  });

  it('includes neither the library nor the schema, if the token is usual and has a secret', async () => {
    const verify = vi.spyOn(jsonwebtoken, 'verify');
    const parse = vi.spyOn(connectionClaims, 'safeParse');
    const gateway = await startGateway();
    await connectAs(gateway, { sub: 'ann', channels: ['*'], info: { name: 'Ann' } });
    expect(verify).not.toHaveBeenCalled();
    expect(parse).not.toHaveBeenCalled();
    // Of these the spies do notice.
    await connectAs(gateway, { sub: 'Änn' });
    expect(parse).toHaveBeenCalledOnce();
  });
});

describe('the cost of one publish per HTTP request', () => {
  it('does not include Nest’s way to a controller', async () => {
    const guard = vi.spyOn(ApiKeyGuard.prototype, 'canActivate');
    const { url } = await startGateway();
    const post = async (path: string, body: unknown): Promise<number> => {
      const headers = { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' };
      return (await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).status;
    };
    expect(await post('/api/publish', { channel: 'a', data: 1 })).toBe(200);
    expect(guard).not.toHaveBeenCalled();
    expect(await post('/api/batch', { publications: [{ channel: 'a', data: 1 }] })).toBe(200);
    expect(guard).toHaveBeenCalledOnce();
  });
});

import { describe, expect, it, vi } from 'vitest';
import { WAIT } from './fake-gateway.js';
import { record } from './recorder.js';
import { connect, startGateway } from './setup.js';

describe('publish', () => {
  it('resolves to the position', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);

    await expect(sut.publish('room', { text: 'a' })).resolves.toEqual({ epoch: 'e1', offset: 1 });
    await expect(sut.publish('room', null)).resolves.toEqual({ epoch: 'e1', offset: 2 });
    expect(gateway.stream('room').messages.map(({ data }) => data)).toEqual([{ text: 'a' }, null]);
  });

  it("gives every publish a random key, or the caller's", async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    await Promise.all([sut.publish('room', 1), sut.publish('room', 2), sut.publish('room', 3, { key: 'mine' })]);

    const keys = gateway.peers[0]?.requests('publish').map(({ data }) => data['key']);
    expect(keys).toEqual([expect.stringMatching(/^[\da-f]{32}$/), expect.stringMatching(/^[\da-f]{32}$/), 'mine']);
    expect(new Set(keys)).toHaveProperty('size', 3);
  });

  it('carries the trace context of its caller, and none without one', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await Promise.all([sut.publish('room', 1, { traceparent }), sut.publish('room', 2)]);

    expect(gateway.peers[0]?.requests('publish')).toMatchObject([
      { data: { channel: 'room', data: 1 }, traceparent },
      { data: { channel: 'room', data: 2, after: expect.any(String) } },
    ]);
    expect(gateway.peers[0]?.requests('publish')[1]).not.toHaveProperty('traceparent');
  });

  it('keeps the order of each channel across retryable errors', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    let failures = 0;
    gateway.scripts['publish'] = (_, { channel }) => {
      if (channel !== 'room' || Math.random() > 0.5) return 'default';
      failures++;
      return {
        refuse:
          (['unavailable', 'unknown', 'draining', 'overloaded', 'rate_limited'] as const)[failures % 5] ?? 'internal',
      };
    };
    const all = Array.from({ length: 30 }, (_, index) => sut.publish('room', index));
    await expect(sut.publish('other', 'not held up')).resolves.toEqual({ epoch: 'e1', offset: 1 });
    await Promise.all(all);

    expect(failures).toBeGreaterThan(0);
    expect(gateway.stream('room').messages.map(({ data }) => data)).toEqual(Array.from({ length: 30 }, (_, i) => i));
  });

  it('is retried with one key across a reconnect, and stored once', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    gateway.scripts['publish'] = (peer, { channel, data, key }) => {
      if (peer.node !== 'pod-1') return 'default';
      // Stored, but the connection breaks before the reply.
      gateway.publish(channel, data ?? null, [], key);
      peer.socket.terminate();
      return 'silence';
    };
    const data = { text: 'a' };
    const publishes = [sut.publish('room', data), sut.publish('room', 'b')];
    data.text = 'changed since';
    await expect(Promise.all(publishes)).resolves.toEqual([
      { epoch: 'e1', offset: 1 },
      { epoch: 'e1', offset: 2 },
    ]);

    expect(gateway.stream('room').messages.map((message) => message.data)).toEqual([{ text: 'a' }, 'b']);
    const [first, second] = gateway.peers.map((peer) => peer.requests('publish')[0]?.data);
    expect(second).toEqual(first);
  });

  it('is retried on the same connection after a timeout', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway, { timeout: 400 });
    let attempts = 0;
    gateway.scripts['publish'] = () => (++attempts === 1 ? 'silence' : 'default');

    await expect(sut.publish('room', 'a')).resolves.toEqual({ epoch: 'e1', offset: 1 });
    const requests = gateway.peers[0]?.requests('publish') ?? [];
    expect(requests).toHaveLength(2);
    expect(requests[0]?.data).toEqual(requests[1]?.data);
  });

  it('is rejected as unknown when the gateway may have forgotten its key', async () => {
    const gateway = await startGateway();
    // The connections that follow are for the second publish, on a machine that may be slow.
    gateway.greet = ({ node }) => ({ keyWindow: node === 'pod-1' ? 60 : 120_000 });
    const sut = connect(gateway);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    gateway.scripts['publish'] = (peer) => {
      peer.socket.terminate();
      return 'silence';
    };
    const start = performance.now();

    await expect(sut.publish('room', 'a')).rejects.toMatchObject({ code: 'unknown', retryable: false });
    expect(performance.now() - start).toBeGreaterThanOrEqual(55);
    delete gateway.scripts['publish'];
    await expect(sut.publish('room', 'b')).resolves.toMatchObject({ epoch: 'e1' });
  });

  it('is rejected as unknown while there is no gateway for a retry', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ keyWindow: 300 });
    const sut = connect(gateway);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    gateway.refuseUpgrades = 503;
    gateway.scripts['publish'] = (peer) => {
      peer.socket.terminate();
      return 'silence';
    };

    const first = sut.publish('room', 'a');
    await vi.waitFor(() => expect(sut.state).toBe('reconnecting'), WAIT);
    const [sent, waiting] = await Promise.allSettled([first, sut.publish('room', 'b')]);
    expect(sent).toMatchObject({ reason: { code: 'unknown' } });
    expect(waiting).toMatchObject({ reason: { code: 'unavailable', retryable: true } });
  });

  it('is rejected as unknown if it is never answered', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ keyWindow: 60 });
    gateway.scripts['publish'] = () => 'silence';
    const sut = connect(gateway);
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);

    await expect(sut.publish('room', 'a')).rejects.toMatchObject({ code: 'unknown' });
  });

  it('is rejected as unavailable if every error said that nothing was stored', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ keyWindow: 60 });
    gateway.scripts['publish'] = () => ({ refuse: 'unavailable' });
    const sut = connect(gateway, { backoff: { base: 100_000, max: 100_000 } });
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);

    await expect(sut.publish('room', 'a')).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });

  it('waits between attempts, even if other messages are published', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ keyWindow: 2_000 });
    gateway.scripts['publish'] = (_, { channel }) => (channel === 'room' ? { refuse: 'rate_limited' } : 'default');
    const sut = connect(gateway, { backoff: { base: 100_000, max: 100_000 } });
    const first = sut.publish('room', 'a');
    await vi.waitFor(() => expect(gateway.peers[0]?.requests('publish')).toHaveLength(1), WAIT);
    // The refusal arrives before this reply.
    await sut.history('other');
    const second = sut.publish('room', 'b');
    await sut.publish('other', 'c');

    expect(gateway.peers[0]?.requests('publish').map(({ data }) => data['data'])).toEqual(['a', 'c']);
    await Promise.allSettled([first, second]);
  });

  it('is rejected at once with an error that is not retryable, and the next ones continue', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    gateway.scripts['publish'] = (_, { data }) => (data === 'bad' ? { refuse: 'forbidden' } : 'default');
    const [bad, good] = await Promise.allSettled([sut.publish('room', 'bad'), sut.publish('room', 'good')]);

    expect(bad).toMatchObject({ reason: { code: 'forbidden', retryable: false } });
    expect(good).toMatchObject({ value: { offset: 1 } });
    // The second was refused as well, because the first was not stored.
    expect(gateway.peers[0]?.requests('publish').map(({ data }) => data['data'])).toEqual(['bad', 'good', 'good']);
  });

  it('is not sent if it is larger than a frame may be, which would end the connection', async () => {
    const gateway = await startGateway();
    gateway.greet = () => ({ maxPayload: 1_000 });
    const sut = connect(gateway);

    await expect(sut.publish('room', 'é'.repeat(490))).rejects.toMatchObject({ code: 'too_large' });
    await expect(sut.publish('room', 'e'.repeat(490))).resolves.toMatchObject({ offset: 1 });
  });

  it('waits while there is no connection, but no more than maxQueued', async () => {
    const gateway = await startGateway();
    gateway.refuseUpgrades = 503;
    const sut = connect(gateway, { maxQueued: 3 });
    const waiting = [1, 2, 3].map((data) => sut.publish(`room-${data}`, data));
    await expect(sut.publish('room', 4)).rejects.toMatchObject({ code: 'queue_full', retryable: true });
    gateway.refuseUpgrades = undefined;

    await expect(Promise.all(waiting)).resolves.toHaveLength(3);
    await expect(sut.publish('room', 5)).resolves.toMatchObject({ offset: 1 });
  });

  it('follows the subscribes of a reconnect, so that a subscriber sees its own publish', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    const app = record();
    await sut.subscribe('room', app).ready;
    gateway.refuseUpgrades = 503;
    gateway.peers[0]?.socket.terminate();
    await vi.waitFor(() => expect(sut.state).toBe('reconnecting'), WAIT);
    const publish = sut.publish('room', 'typed meanwhile');
    gateway.refuseUpgrades = undefined;

    await publish;
    await vi.waitFor(() => expect(app.log).toEqual(['message 1']), WAIT);
  });
});

describe('presence and history', () => {
  it('ask the gateway', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    gateway.publish('room', 'a');

    await expect(sut.presence('room')).resolves.toEqual({ members: [], count: 0 });
    await expect(sut.history('room', { limit: 1, reverse: true })).resolves.toMatchObject({
      epoch: 'e1',
      offset: 1,
      publications: [{ data: 'a' }],
    });
    expect(gateway.peers[0]?.requests('history')[0]?.data).toEqual({ channel: 'room', limit: 1, reverse: true });
  });

  it('are repeated on the next connection', async () => {
    const gateway = await startGateway();
    const sut = connect(gateway);
    gateway.scripts['presence'] = (peer) => {
      if (peer.node === 'pod-2') return 'default';
      peer.socket.terminate();
      return 'silence';
    };

    await expect(sut.presence('room')).resolves.toEqual({ members: [], count: 0 });
  });

  it('fail after their timeout, with a gateway or without', async () => {
    const gateway = await startGateway();
    gateway.scripts['history'] = () => 'silence';
    gateway.greet = () => undefined;
    const sut = connect(gateway, { timeout: 40 });
    await expect(sut.presence('room')).rejects.toMatchObject({ code: 'timeout', retryable: true });

    gateway.greet = () => ({});
    await vi.waitFor(() => expect(sut.state).toBe('connected'), WAIT);
    await expect(sut.history('room')).rejects.toMatchObject({ code: 'timeout', retryable: true });
  });

  it("fail with the gateway's error", async () => {
    const gateway = await startGateway();
    gateway.scripts['presence'] = () => ({ refuse: 'presence_disabled' });
    const sut = connect(gateway);

    await expect(sut.presence('room')).rejects.toMatchObject({ code: 'presence_disabled', retryable: false });
  });
});

import { describe, expect, it, vi } from 'vitest';
import { Holdfast } from '../src/client.js';
import { record } from './recorder.js';
import { startWorld } from './world.js';

describe('options', () => {
  it.each([[{ base: 1_000 }], [{ max: 5_000 }], [{}], [{ base: undefined, max: undefined }]] as const)(
    'backoff %j is merged with the defaults',
    async (backoff) => {
      const world = startWorld();
      world.gateway.refuseUpgrades = 503;
      world.connect({ backoff });
      await world.pass(2_000);
      expect(world.dials).toBeGreaterThanOrEqual(2);
      expect(world.dials).toBeLessThan(20);
    },
  );

  it.each([
    [{ backoff: { base: '500' } }, 'options.backoff.base must be a positive number of ms'],
    [{ backoff: { min: 1 } }, 'options.backoff: unknown name "min", expected base, max'],
    [{ backoff: { base: Number.NaN } }, 'options.backoff.base'],
    [{ tokens: 'x' }, 'options: unknown name "tokens"'],
    [{ timeout: 0 }, 'options.timeout must be a positive number of ms'],
    [{ maxQueued: 1.5 }, 'options.maxQueued must be a positive integer'],
    [{ WebSocket: {} }, 'options.WebSocket must be a function'],
    [{ connect: 'no' }, 'options.connect must be true or false'],
    [{ debug: 7 }, 'options.debug'],
    ['token', 'options must be an object'],
  ])('%j are refused', (options, message) => {
    expect(() => new Holdfast('ws://gateway.test/ws', options as never)).toThrow(message);
    expect(() => new Holdfast('ws://gateway.test/ws', options as never)).toThrow(TypeError);
  });

  it.each(['localhost:8000/ws', 'ftp://gateway.test/ws', 'gateway.test:8000', '', 'wss://', 'javascript:alert(1)'])(
    'the URL %j is refused',
    (url) => {
      expect(() => new Holdfast(url, { WebSocket: WebSocket, connect: false })).toThrow(/is not a URL of a WebSocket/);
    },
  );

  it.each(['ws://a/ws', 'wss://a/ws', 'http://a/ws', 'https://a/ws', '/ws', 'ws', new URL('https://a/ws')])(
    'the URL %s is accepted, a relative one even if there is no page yet',
    (url) => {
      const sut = new Holdfast(url, { WebSocket: WebSocket, connect: false });
      expect(sut.state).toBe('disconnected');
    },
  );

  it('a relative URL without a page is refused when it is needed', () => {
    const sut = new Holdfast('/ws', { WebSocket: WebSocket, connect: false });
    expect(() => sut.connect()).toThrow('"/ws" is not a URL of a WebSocket');
    expect(sut.state).toBe('disconnected');
  });
});

/** A client that never connects. */
function disconnected(): Holdfast {
  return new Holdfast('ws://gateway.test/ws', { connect: false });
}

describe('handlers and options of a subscription', () => {
  it.each([
    [[1, record()], 'the channel must be a string'],
    [['room', { message: 1, gap: () => {} }], 'handlers.message must be a function'],
    [['room', { message: () => {} }], 'handlers.gap is required'],
    [['room', { mesage: () => {}, gap: () => {} }], 'handlers: unknown name "mesage"'],
    [['room', record(), { last: '5' }], 'options.last must be a positive integer'],
    [['room', record(), { history: 5 }], 'options: unknown name "history"'],
    [['room', record(), { since: 5 }], 'options.since must be a position'],
    [['room', record(), { token: 'x' }], 'options.token must be a function'],
  ])('%j: a TypeError', (args, message) => {
    expect(() => disconnected().subscribe(...(args as unknown as Parameters<Holdfast['subscribe']>))).toThrow(message);
  });

  it('an unknown event is a TypeError', () => {
    expect(() => disconnected().on('close' as never, () => {})).toThrow(
      'unknown name "close", expected state, moved, error',
    );
    expect(() => disconnected().on('state', 1 as never)).toThrow('on.state must be a function');
  });

  it.each([
    [undefined, 'data is undefined'],
    [Number.NaN, 'data is NaN'],
    [[1, Infinity], 'data[1] is Infinity'],
    [10n, 'data is bigint'],
    [{ a: { b: undefined } }, 'data.a.b is undefined'],
    [new Uint8Array(2), 'data is an instance of Uint8Array'],
    [{ at: new Date(0) }, 'data.at is an instance of Date'],
    [new Map(), 'data is an instance of Map'],
    [() => {}, 'data is function'],
  ])('data that JSON would change is a TypeError: %s', async (data, message) => {
    await expect(disconnected().publish('room', data as never)).rejects.toThrow(message);
    await expect(disconnected().publish('room', data as never)).rejects.toThrow(TypeError);
  });

  it('data that refers to itself is a TypeError', async () => {
    const data: Record<string, unknown> = {};
    data['self'] = data;
    await expect(disconnected().publish('room', data as never)).rejects.toThrow('deeper than 128');
  });

  it('a key of the wrong length is a TypeError', async () => {
    await expect(disconnected().publish('room', 1, { key: '' })).rejects.toThrow(
      'options.key must be a string of 1 to 64',
    );
  });

  it('a malformed trace context is a TypeError', async () => {
    for (const traceparent of ['', 'yes', '00-0af7","data":{']) {
      await expect(disconnected().publish('room', 1, { traceparent })).rejects.toThrow(
        'options.traceparent must be a W3C trace context',
      );
    }
  });
});

/** Collects warnings instead of printing them. */
function warnings(): () => string[] {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  return () => warn.mock.calls.map(([text]) => String(text));
}

describe('a failure that nobody listens to', () => {
  it('is one warning: a URL that is wrong', async () => {
    const world = startWorld();
    const seen = warnings();
    world.gateway.refuseUpgrades = 404;
    world.connect();
    await world.pass(60_000);
    expect(seen()).toEqual([expect.stringMatching(/cannot connect \(1006\).*URL of a gateway's \/ws/)]);
  });

  it('is one warning: a subscription that is refused, a client that is ended', async () => {
    const world = startWorld();
    const seen = warnings();
    world.gateway.scripts['subscribe'] = () => ({ refuse: 'forbidden' });
    const sut = world.connect({ token: 'token' });
    for (const channel of ['a', 'b']) sut.subscribe(channel, { message() {}, gap() {} });
    await world.pass(100);
    world.peer().close('unauthorized');
    await world.pass(100);
    expect(seen()).toEqual([
      expect.stringMatching(/forbidden: .*client\.on\('error'\)/),
      expect.stringMatching(/closed \(4001\): .*client\.on\('state'\)/),
    ]);
  });

  it('is no warning if somebody does, or the application closed it', async () => {
    const world = startWorld();
    const seen = warnings();
    world.gateway.scripts['subscribe'] = () => ({ refuse: 'forbidden' });
    const sut = world.connect();
    sut.subscribe('room', record());
    await world.pass(100);
    const closed = sut.close();
    await world.pass(3_000);
    await closed;
    expect(seen()).toEqual([]);
  });

  it('debug reports each step, without tokens, sessions and data', async () => {
    const world = startWorld();
    const steps: string[] = [];
    const sut = world.connect({ token: () => 'secret-token', debug: (step) => steps.push(step) });
    sut.subscribe('room', record());
    void sut.publish('room', 'private');
    await world.pass(100);
    world.peer().socket.terminate();
    await world.pass(2_000);
    const text = steps.join('\n');
    for (const step of [
      'connecting to ws://gateway.test/ws with a token',
      'sent subscribe',
      'next attempt in',
      'connected',
    ]) {
      expect(text).toContain(step);
    }
    for (const secret of ['secret-token', 'session-1', 'private']) expect(text).not.toContain(secret);
  });
});

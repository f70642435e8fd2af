import { mount, mountUnder } from './mount.js';
import { Holdfast, HoldfastError, type Member, type SubscriptionHandlers } from '@holdfast/client';
import { Activity, useEffect, useState, version } from 'react';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startGateway } from '../../client/test/setup.js';
import {
  useConnectionState,
  useHoldfast,
  usePresence,
  usePublish,
  useSubscription,
  type UseSubscriptionOptions,
} from '../src/index.js';

interface RoomProps extends Partial<SubscriptionHandlers<string>> {
  readonly channel?: string | null;
  readonly options?: UseSubscriptionOptions;
}

/** vitest.config.ts runs this file on the oldest React and on the latest. */
const REACT = process.env['REACT'] ?? '19';

it(`runs on React ${REACT}`, () => {
  expect(version).toMatch(new RegExp(`^${REACT}\\.`));
});

/** Shows each message that it receives, and how the subscription is. */
function Room({ channel = 'room', options = { last: 10 }, ...handlers }: RoomProps) {
  const [seen, setSeen] = useState<string[]>([]);
  const see = (text: string) => setSeen((before) => [...before, text]);
  const { isReady, error } = useSubscription<string>(
    channel,
    { message: ({ data }) => see(data), gap: () => see('gap'), ...handlers },
    options,
  );
  return `${[isReady ? 'ready' : (error?.code ?? 'waiting'), ...seen].join(' ')};`;
}

function Hideable({ mode }: { mode: 'visible' | 'hidden' }) {
  return (
    <Activity mode={mode}>
      <Room />
    </Activity>
  );
}

function People() {
  const { members, count } = usePresence('room');
  return `${count}: ${members.map(({ user }) => user).join(' ')}`;
}

function State() {
  const { state, reason } = useConnectionState();
  return reason === undefined ? state : `${state} ${reason.code}`;
}

async function expectText(page: { readonly text: string }, text: string): Promise<void> {
  await vi.waitFor(() => expect(page.text).toBe(text));
}

/** What was printed with `console.warn`. */
function warnings(): string[] {
  const printed: string[] = [];
  const spy = vi.spyOn(console, 'warn').mockImplementation((text: string) => void printed.push(text));
  onTestFinished(() => spy.mockRestore());
  return printed;
}

describe('useSubscription', () => {
  it('receives each message once in StrictMode, which costs neither a second connection nor a second subscription', async () => {
    const gateway = await startGateway();
    gateway.publish('room', 'one');
    const page = mount(gateway.url, <Room />);
    await expectText(page, 'ready one;');
    gateway.publish('room', 'two');
    await expectText(page, 'ready one two;');
    expect(gateway.peers).toHaveLength(1);
    expect(gateway.peers[0]?.requests('subscribe')).toHaveLength(1);
  });

  it('shares one subscription between components, and ends it with the last one', async () => {
    const gateway = await startGateway();
    const page = mount(gateway.url, [<Room key="a" />, <Room key="b" />]);
    await expectText(page, 'ready;ready;');
    gateway.publish('room', 'one');
    await expectText(page, 'ready one;ready one;');
    page.render([<Room key="a" />]);
    await expectText(page, 'ready one;');
    gateway.publish('room', 'two');
    await expectText(page, 'ready one two;');
    page.render([]);
    await vi.waitFor(() => expect(gateway.peers[0]?.subscribed.size).toBe(0));
    expect(gateway.peers[0]?.requests('subscribe')).toHaveLength(1);
  });

  // Activity came with React 19.2.
  it.skipIf(REACT === '18')(
    'continues after the last message if the component keeps its state, and reports what was lost',
    async () => {
      const gateway = await startGateway();
      const mounted = mount(gateway.url, <Hideable mode="visible" />);
      await expectText(mounted, 'ready;');
      gateway.publish('room', 'one');
      await expectText(mounted, 'ready one;');
      mounted.render(<Hideable mode="hidden" />);
      await vi.waitFor(() => expect(gateway.peers[0]?.subscribed.size).toBe(0));
      gateway.publish('room', 'two');
      mounted.render(<Hideable mode="visible" />);
      await expectText(mounted, 'ready one two;');

      mounted.render(<Hideable mode="hidden" />);
      await vi.waitFor(() => expect(gateway.peers[0]?.subscribed.size).toBe(0));
      gateway.publish('room', 'three');
      gateway.trim('room');
      mounted.render(<Hideable mode="visible" />);
      await expectText(mounted, 'ready one two gap;');
    },
  );

  it('calls the handlers of the latest render, and does not subscribe again for them', async () => {
    const gateway = await startGateway();
    const calls: string[] = [];
    const page = mount(gateway.url, <Room message={({ data }) => calls.push(`first ${data}`)} />);
    await expectText(page, 'ready;');
    gateway.publish('room', 'one');
    await vi.waitFor(() => expect(calls).toEqual(['first one']));
    page.render(<Room message={({ data }) => calls.push(`second ${data}`)} options={{ last: 10 }} />);
    await vi.waitFor(() => {
      gateway.publish('room', 'two');
      expect(calls.at(-1)).toBe('second two');
    });
    expect(gateway.peers[0]?.requests('subscribe')).toHaveLength(1);
  });

  it('follows the channel, and waits while it is null', async () => {
    const gateway = await startGateway();
    const page = mount(gateway.url, <Room channel={null} />);
    await vi.waitFor(() => expect(gateway.peers).toHaveLength(1));
    await expectText(page, 'waiting;');
    page.render(<Room channel="room" />);
    await expectText(page, 'ready;');
    page.render(<Room channel="other" />);
    await vi.waitFor(() => expect([...(gateway.peers[0]?.subscribed ?? [])]).toEqual(['other']));
    await expectText(page, 'ready;');
  });

  it('returns the error that ended the subscription, and warns about it without a handler', async () => {
    const gateway = await startGateway();
    const printed = warnings();
    gateway.scripts['subscribe'] = (_, { channel }) => (channel === 'secret' ? { refuse: 'forbidden' } : 'default');
    const errors: string[] = [];
    const page = mount(gateway.url, [
      <Room key="a" channel="secret" />,
      <Room key="b" channel="room" unsubscribed={(code) => errors.push(code)} />,
    ]);
    await expectText(page, 'forbidden;ready;');
    expect(printed).toEqual([expect.stringMatching(/forbidden.*useSubscription has no handler/)]);
    gateway.peers[0]?.send('unsubscribed', { channel: 'room', code: 'forbidden' });
    await expectText(page, 'forbidden;forbidden;');
    expect(errors).toEqual(['forbidden']);
    expect(printed).toHaveLength(1);
  });

  it('asks the token callback of the latest render', async () => {
    const gateway = await startGateway();
    const page = mount(gateway.url, <Room options={{ token: (channel) => `token of ${channel}` }} />);
    await expectText(page, 'ready;');
    expect(gateway.peers[0]?.requests('subscribe')[0]?.data).toMatchObject({ token: 'token of room' });
  });

  it('returns `closed` if the client has ended', async () => {
    const client = new Holdfast('ws://gateway.test/ws', { connect: false });
    await client.close();
    const page = mountUnder({ client }, <Room />);
    await expectText(page, 'closed;');
  });

  it('throws if there is no provider, and for an invalid channel', async () => {
    const page = mountUnder({ client: undefined } as never, <Room />);
    await vi.waitFor(() => expect(page.text).toContain('need a <HoldfastProvider>'));
    const client = new Holdfast('ws://gateway.test/ws', { connect: false });
    const other = mountUnder({ client }, <Room channel="" />);
    await vi.waitFor(() => expect(other.text).toContain('TypeError: the channel must be a string'));
  });
});

describe('usePresence', () => {
  it('lists members as they join and leave, beside other subscriptions to the channel', async () => {
    const gateway = await startGateway();
    const ann: Member = { client: '1', user: 'ann' };
    const bob: Member = { client: '2', user: 'bob' };
    gateway.scripts['subscribe'] = (peer, { channel, presence }) => {
      peer.subscribed.add(channel);
      return { reply: { channel, epoch: 'e1', offset: 0, ...(presence ? { members: [ann], count: 1 } : {}) } };
    };
    const page = mount(gateway.url, [<People key="a" />]);
    await expectText(page, '1: ann');
    const [peer] = gateway.peers;
    peer?.send('join', { channel: 'room', member: bob });
    await expectText(page, '2: ann bob');
    // The same client again, and one beyond the limit of the list.
    peer?.send('join', { channel: 'room', member: bob });
    peer?.send('leave', { channel: 'room', member: { client: '3' } });
    peer?.send('leave', { channel: 'room', member: ann });
    await expectText(page, '0: bob');
    peer?.send('members', { channel: 'room', members: [ann, bob], count: 2 });
    await expectText(page, '2: ann bob');
  });
});

describe('useConnectionState', () => {
  it('shows the state, and why there is no connection', async () => {
    const gateway = await startGateway();
    const page = mount(gateway.url, <State />);
    await expectText(page, 'connected');
    gateway.refuseUpgrades = 503;
    gateway.peers[0]?.socket.terminate();
    await expectText(page, 'reconnecting 1006');
    gateway.refuseUpgrades = undefined;
    await expectText(page, 'connected');
    gateway.peers[1]?.close('forbidden');
    await expectText(page, 'closed 4003');
  });

  it('shows the state of a client that was connected before the component was mounted', async () => {
    const gateway = await startGateway();
    const client = new Holdfast(gateway.url);
    onTestFinished(() => client.close());
    await vi.waitFor(() => expect(client.state).toBe('connected'));
    const page = mountUnder({ client }, <State />);
    await expectText(page, 'connected');
    page.unmount();
    expect(client.state).toBe('connected');
  });
});

describe('usePublish', () => {
  it('stores a message once connected, with the key of the caller', async () => {
    const gateway = await startGateway();
    const functions = new Set<unknown>();
    const outcomes: unknown[] = [];
    function Button() {
      const publish = usePublish<string>('room');
      const [, setCount] = useState(0);
      // Not while it renders: React 18 renders twice in StrictMode, and drops one of them.
      useEffect(() => void functions.add(publish));
      useEffect(() => {
        // Twice in StrictMode: the key makes it one message.
        void (async () => {
          outcomes.push((await publish('hello', { key: 'k' })).offset);
          setCount((count) => count + 1);
        })();
      }, [publish]);
      return null;
    }
    mount(gateway.url, <Button />);
    await vi.waitFor(() => expect(outcomes).toEqual([1, 1]));
    expect(gateway.stream('room').messages).toHaveLength(1);
    expect(functions.size).toBe(1);
  });
});

describe('HoldfastProvider', () => {
  it('disconnects with 1000 when it is unmounted, and connects elsewhere when its URL changes', async () => {
    const [gateway, other] = [await startGateway(), await startGateway()];
    const clients = new Set<Holdfast>();
    function Spy() {
      clients.add(useHoldfast());
      return <Room />;
    }
    const page = mount(gateway.url, <Spy />);
    await expectText(page, 'ready;');
    page.unmount();
    await vi.waitFor(() => expect(gateway.peers[0]?.closeCode).toBe(1000));
    const second = mount(other.url, <Spy />);
    await expectText(second, 'ready;');
    expect([...clients].map(({ state }) => state)).toContain('disconnected');
  });

  it('passes its options to the client, and errors of them to the nearest boundary', async () => {
    const gateway = await startGateway();
    const page = mount(gateway.url, <Room />, { token: () => 'a-token' });
    await expectText(page, 'ready;');
    expect(gateway.peers[0]?.token).toBe('a-token');
    const wrong = mount('gopher://gateway.test', <Room />);
    await vi.waitFor(() => expect(wrong.text).toContain('is not a URL of a WebSocket'));
  });

  it('stops if nobody is signed in, and connects once somebody is', async () => {
    const gateway = await startGateway();
    warnings();
    function SignIn() {
      const client = useHoldfast();
      const { state } = useConnectionState();
      useEffect(() => {
        if (state !== 'disconnected' || isOut) return;
        client.setToken('signed-in');
        client.connect();
      }, [client, state]);
      return state;
    }
    let isOut = true;
    const token = () => {
      isOut = false;
      throw new HoldfastError('unauthorized', 'nobody is signed in');
    };
    const page = mount(gateway.url, <SignIn />, { token });
    await expectText(page, 'connected');
    expect(gateway.peers[0]?.token).toBe('signed-in');
  });
});

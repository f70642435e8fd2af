import { describe, expect, expectTypeOf, it } from 'vitest';
import { Holdfast, HoldfastError, type Json, type Position } from '../src/index.js';

/** An interface, which has no index signature. */
interface ChatMessage {
  text: string;
}

type Channels = { 'chat:*': ChatMessage; 'score:*:final': number; news: string };

interface Calls {
  'orders.create'(order: ChatMessage): { id: number };
  whoami(): Promise<string>;
}

const options = { connect: false };

/** Never called: the compiler checks it (`npm run check:types`). */
function compiled(any: Holdfast, typed: Holdfast<Channels, Calls>): void {
  any.subscribe('chat:a', {
    message: ({ data, offset, sender }) => {
      expectTypeOf(data).toEqualTypeOf<Json>();
      expectTypeOf(offset).toBeNumber();
      expectTypeOf(sender?.user).toEqualTypeOf<string | undefined>();
    },
    gap: ({ offset }, reason) => {
      expectTypeOf(offset).toBeNumber();
      expectTypeOf(reason).toEqualTypeOf<'gap' | 'not_recovered'>();
    },
  });
  any.subscribe<ChatMessage>('chat:a', {
    message: ({ data }) => expectTypeOf(data).toEqualTypeOf<ChatMessage>(),
    gap() {},
  });
  const message: ChatMessage = { text: 'a' };
  expectTypeOf(any.publish<ChatMessage>('chat:a', message)).toEqualTypeOf<Promise<Position>>();
  // @ts-expect-error -- a number is not a ChatMessage
  void any.publish<ChatMessage>('chat:a', 1);
  // @ts-expect-error -- gap is required
  any.subscribe('chat:a', { message() {} });

  const room = 'a' as string;
  typed.subscribe(`chat:${room}`, {
    message: ({ data }) => expectTypeOf(data).toEqualTypeOf<ChatMessage>(),
    gap() {},
  });
  typed.subscribe('score:chess:final', { message: ({ data }) => expectTypeOf(data).toBeNumber(), gap() {} });
  void typed.publish('news', 'text');
  void typed.publish('chat:a', message);
  // @ts-expect-error -- the map says string
  void typed.publish('news', 7);
  // @ts-expect-error -- no pattern matches
  void typed.publish('sports', 'text');
  // @ts-expect-error -- no pattern matches
  typed.subscribe('chats:a');
  // @ts-expect-error -- no pattern matches
  void typed.history('sports');

  expectTypeOf(any.call('orders.create', message)).toEqualTypeOf<Promise<Json>>();
  expectTypeOf(any.call<ChatMessage>('orders.create')).toEqualTypeOf<Promise<ChatMessage>>();
  expectTypeOf(typed.call('orders.create', message)).toEqualTypeOf<Promise<{ id: number }>>();
  expectTypeOf(typed.call('whoami')).toEqualTypeOf<Promise<string>>();
  // @ts-expect-error -- the data is missing
  void typed.call('orders.create');
  // @ts-expect-error -- the map says ChatMessage
  void typed.call('orders.create', 7);
  // Code that knows only the channels takes a client with any calls.
  const withoutCalls: Holdfast<Channels> = typed;
  void withoutCalls.call('whoami');
  // @ts-expect-error -- no such call
  void typed.call('orders.delete', message);

  any.on('state', ({ state, reason }) => {
    expectTypeOf(state).toEqualTypeOf<'disconnected' | 'connecting' | 'connected' | 'reconnecting' | 'closed'>();
    expectTypeOf(reason?.code).toEqualTypeOf<number | undefined>();
  });
  // @ts-expect-error -- no such event
  any.on('open', () => {});
  any.on('error', ({ code }) => {
    // @ts-expect-error -- no such code
    return code === 'no_such_code';
  });
  void (async () => {
    for await (const { data } of typed.subscribe('chat:b')) expectTypeOf(data.text).toBeString();
  })();
}

describe('the types', () => {
  it('are those of the runtime', () => {
    expect(compiled).toBeTypeOf('function');
    expect(new Holdfast<Channels>('ws://gateway.test/ws', options).state).toBe('disconnected');
    expect(new HoldfastError('unauthorized', 'nobody is signed in')).toMatchObject({
      code: 'unauthorized',
      retryable: false,
    });
  });
});

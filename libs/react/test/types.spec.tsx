import type { Json } from '@holdfast/client';
import { expect, expectTypeOf, it } from 'vitest';
import { useHoldfast, usePublish, useSubscription, type Publish } from '../src/index.js';

interface ChatMessage {
  text: string;
}

/** Never called: the compiler checks it (`npm run check:types`). .ci/packages.spec.ts checks registered types. */
function Compiled() {
  useSubscription('room', { message: ({ data }) => expectTypeOf(data).toEqualTypeOf<Json>(), gap() {} });
  useSubscription<ChatMessage>('room', {
    message: ({ data, sender }) => {
      expectTypeOf(data).toEqualTypeOf<ChatMessage>();
      expectTypeOf(sender?.user).toEqualTypeOf<string | undefined>();
    },
    gap() {},
  });
  // @ts-expect-error -- gap is required
  useSubscription('room', { message() {} });
  expectTypeOf(usePublish<ChatMessage>('room')).toEqualTypeOf<Publish<ChatMessage>>();
  // @ts-expect-error -- a number is not a ChatMessage
  void usePublish<ChatMessage>('room')(1);
  expectTypeOf(useHoldfast().call('orders.create', { item: 'tea' })).toEqualTypeOf<Promise<Json>>();
  expectTypeOf(useHoldfast().call<ChatMessage>('orders.create')).toEqualTypeOf<Promise<ChatMessage>>();
  return null;
}

it('the types are those of the runtime', () => {
  expect(Compiled).toBeTypeOf('function');
});

import { expect, onTestFinished } from 'vitest';
import type { HoldfastOptions } from '../src/client-options.js';
import { Holdfast } from '../src/client.js';
import { FakeGateway } from './fake-gateway.js';

/** A gateway that stops when the test ends. */
export async function startGateway(): Promise<FakeGateway> {
  const gateway = await FakeGateway.listen();
  onTestFinished(() => gateway.close());
  // The library itself may not do what it should.
  onTestFinished(() => expect(gateway.violations).toEqual([]));
  return gateway;
}

/** A client with short delays, which is closed when the test ends. */
export function connect({ url }: Pick<FakeGateway, 'url'>, options: HoldfastOptions = {}): Holdfast {
  const client = new Holdfast(url, { timeout: 1_000, backoff: { base: 4, max: 20 }, ...options });
  onTestFinished(() => client.close());
  return client;
}

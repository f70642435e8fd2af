import { expect, it, vi } from 'vitest';
import { LogRefusedError } from '../log/log-adapter.js';
import { LogFollower } from '../testing/log-follower.js';
import { KafkaAdapter } from './kafka-adapter.js';

const loads = vi.hoisted(() => ({ count: 0 }));
vi.mock('@platformatic/kafka', () => {
  loads.count += 1;
  throw new Error('not installed');
});

it('the client library is only loaded by an adapter that starts, and a missing one is reported', async () => {
  const follower = new LogFollower(new KafkaAdapter(() => 'kafka://localhost'));
  expect(loads.count).toBe(0);
  follower.adapter.start(follower);
  const error = await follower.adapter.open(AbortSignal.timeout(1_000)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LogRefusedError);
  expect(follower.problem).toMatch(/^the package @platformatic\/kafka cannot be loaded.*: install it/);
  expect(loads.count).toBe(1);
  await follower.adapter.close();
});

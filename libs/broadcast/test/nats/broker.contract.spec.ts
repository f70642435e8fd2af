import { afterAll, beforeAll } from 'vitest';
import { LogBroker } from '../../src/log/log-broker.js';
import { NatsAdapter } from '../../src/nats/nats-adapter.js';
import { describeBroker } from '../../src/testing/index.js';
import { NatsServer } from '../support/nats-server.js';

let nats: NatsServer;
let tests = 0;

beforeAll(async () => {
  nats = await NatsServer.start();
});
afterAll(async () => nats.close());

describeBroker('LogBroker on NATS', () => {
  tests += 1;
  const url = `${nats.url}?prefix=test${tests}&partitions=2`;
  return {
    connect: () => new LogBroker(new NatsAdapter(() => url)),
    close: async () => {},
  };
});

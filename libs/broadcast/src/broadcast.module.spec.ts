import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { BROKER, BroadcastModule } from './broadcast.module.js';
import type { Broker } from './broker.js';
import { BrokerUrlError } from './errors.js';
import { MemoryBroker } from './memory/memory-broker.js';
import { LASTING, Pod } from './testing/pod.js';

describe('BroadcastModule', () => {
  it('provides the broker that the URL selects, not started', async () => {
    const sut = await Test.createTestingModule({ imports: [BroadcastModule.forRoot({ url: 'memory:' })] }).compile();
    const broker = sut.get<Broker>(BROKER);
    expect(broker).toBeInstanceOf(MemoryBroker);
    expect(broker.health().status).toBe('down');
    await sut.close();
  });

  it('takes its options from a factory', async () => {
    const sut = await Test.createTestingModule({
      imports: [BroadcastModule.forRootAsync({ useFactory: async () => ({ url: 'memory:' }) })],
    }).compile();
    expect(sut.get(BROKER)).toBeInstanceOf(MemoryBroker);
    await sut.close();
  });

  it('refuses a URL that selects no broker', async () => {
    const testing = Test.createTestingModule({ imports: [BroadcastModule.forRoot({ url: 'none:' })] });
    await expect(testing.compile()).rejects.toThrow(BrokerUrlError);
  });

  it('closes the broker after its users have shut down', async () => {
    const consumer = {
      published: 0,
      provide: 'Consumer',
      inject: [BROKER],
      useFactory: (broker: Broker) => ({
        onApplicationShutdown: async () => {
          consumer.published = (await broker.publish({ channel: 'a', payload: 'last words', stream: LASTING })).offset;
        },
      }),
    };
    const sut = await Test.createTestingModule({
      imports: [BroadcastModule.forRoot({ url: 'memory:' })],
      providers: [consumer],
    }).compile();
    await sut.init();
    const broker = sut.get<Broker>(BROKER);
    await new Pod(broker).start();
    await sut.close();
    expect(consumer.published).toBe(1);
    expect(broker.health().status).toBe('down');
  });
});

import { MemoryBroker, type BrokerCapabilities } from '@holdfast/broadcast';
import { describe, expect, it } from 'vitest';
import { AppModule } from '../app.module.js';
import { ConfigError } from '../config/index.js';
import { testConfig } from '../../test/support/gateway.js';
import { capabilityProblems } from './broker-capabilities.js';

const SECRET = `whsec_${Buffer.alloc(32).toString('base64')}`;
const ALL = new MemoryBroker().capabilities;
const LITTLE: BrokerCapabilities = {
  ...ALL,
  history: false,
  presence: false,
  maxKeyWindow: 60_000,
  maxPayload: 10_000,
};

describe('the capabilities of a broker', () => {
  it('are compared with each setting of the configuration', () => {
    const config = testConfig({
      namespaceDefaults: { presence: false, history: { ttl: 60 } },
      namespaces: { news: { history: { ttl: 600 }, positionTtl: 600 }, chat: { presence: true } },
    });
    expect(capabilityProblems(config, ALL)).toEqual([]);
    expect(capabilityProblems(config, { ...ALL, maxHistoryTtl: 300_000, presence: false })).toEqual([
      'namespaces.news.history.ttl: the broker supports at most 300 seconds (capability maxHistoryTtl)',
      'namespaces.chat.presence: the broker keeps no presence (capability presence): set it to false',
    ]);
    const throughBroker = testConfig({ namespaces: { news: { brokerPublish: true } } });
    expect(capabilityProblems(throughBroker, ALL)).toEqual([
      'namespaces.news.brokerPublish: backends cannot publish through this broker (capability plainMessages): set it to false',
    ]);
    expect(capabilityProblems(throughBroker, { ...ALL, plainMessages: true })).toEqual([]);
    expect(capabilityProblems(config, { ...ALL, idempotency: false })).toEqual([
      'keyWindow: the broker remembers no keys (capability idempotency)',
    ]);
    expect(
      capabilityProblems(
        testConfig({ webhooks: { events: { url: 'https://backend.example' } } }, { HOLDFAST_WEBHOOK_SECRET: SECRET }),
        {
          ...ALL,
          presence: false,
        },
      ).at(-1),
    ).toBe('webhooks.events.url: the broker keeps no presence, which events need (capability presence)');
  });

  it('prevent the start if the configuration requires more, and the error lists all such settings', () => {
    class BrokerThatCanDoLittle extends MemoryBroker {
      override readonly capabilities = LITTLE;
    }
    const config = testConfig({ namespaceDefaults: { presence: true } });
    const start = (): unknown => AppModule.forRoot(config, [], { broker: new BrokerThatCanDoLittle() });
    expect(start).toThrow(
      new ConfigError([
        'namespaceDefaults.history.size: the broker keeps no history (capability history): set it to 0',
        'namespaceDefaults.presence: the broker keeps no presence (capability presence): set it to false',
        'keyWindow: the broker supports at most 60 seconds (capability maxKeyWindow)',
        'connection.maxPayload: the broker supports at most 10000 bytes (capability maxPayload)',
      ]),
    );
  });
});

import type { PlainPolicy } from '@holdfast/broadcast';
import { describe, expect, it } from 'vitest';
import { testConfig } from '../../test/support/gateway.js';
import { MAX_NESTING } from './message.js';
import { plainSettings } from './plain-messages.js';

function policyOf(file: object): PlainPolicy {
  return plainSettings(testConfig(file)).policy;
}

function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)];
}

describe('what backends may publish by the broker itself', () => {
  it('is nothing by default', () => {
    expect(policyOf({ namespaces: { news: { presence: true } } })).toEqual({
      namespaces: { news: null, '@': null },
      others: null,
      keyWindow: 300_000,
      maxPayload: 65_536,
    });
  });

  it('is what the namespaces allow, with their streams', () => {
    const file = {
      keyWindow: 60,
      namespaceDefaults: { brokerPublish: true },
      namespaces: { news: { history: { size: 7 } }, chat: { brokerPublish: false }, '@': { brokerPublish: false } },
    };
    expect(policyOf(file)).toMatchObject({
      namespaces: { news: { historySize: 7, historyTtl: 300_000 }, chat: null, '@': null },
      others: { historySize: 100, historyTtl: 300_000, positionTtl: 604_800_000 },
      keyWindow: 60_000,
    });
  });

  it('obeys the rules of the HTTP API', () => {
    const { format } = plainSettings(testConfig());
    expect(['news:1', 'plain', '@ann', 'no spaces', '!refusals', ''].map((name) => format.namespaceOf(name))).toEqual([
      'news',
      '',
      '@',
      undefined,
      undefined,
      undefined,
    ]);
    expect(format.accepts(nested(MAX_NESTING), undefined)).toBe(true);
    expect(format.accepts(nested(MAX_NESTING + 1), undefined)).toBe(false);
    expect(['x', 'x'.repeat(64), '', 'x'.repeat(65)].map((key) => format.accepts(1, key))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(format.encode('[1]', undefined)).toBe('{"data":[1]}');
    expect(format.encode('[1]', 'k')).toBe('{"data":[1],"key":"k"}');
  });
});

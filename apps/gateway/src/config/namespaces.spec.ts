import { namespaceOf } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { ConfigError } from './config-error.js';
import { loadConfig } from './load-config.js';
import { namespaceOptions } from './namespaces.js';

function load(yaml: string, env: NodeJS.ProcessEnv = {}) {
  return loadConfig({ HOLDFAST_CONFIG: '/config.yaml', ...env }, () => yaml);
}

describe('a namespace', () => {
  const sut = load(`
namespaceDefaults: { history: { size: 50, ttl: 60 }, subscribe: anyone }
namespaces:
  chat: { history: { size: 5 }, presence: true }
  news: { subscribe: authenticated }
  1: { presence: true }
`);

  it('has its own options where set, otherwise the defaults', () => {
    expect(namespaceOptions(sut, 'chat')).toEqual({
      history: { size: 5, ttl: 60_000 },
      positionTtl: 604_800_000,
      stream: { historySize: 5, historyTtl: 60_000, positionTtl: 604_800_000 },
      presence: true,
      conflate: false,
      compressFrom: 0,
      subscribe: 'anyone',
      publish: 'granted',
      brokerPublish: false,
    });
    expect(namespaceOptions(sut, 'news')).toEqual({ ...sut.namespaceDefaults, subscribe: 'authenticated' });
    expect(namespaceOptions(sut, '1').presence).toBe(true);
  });

  it.each(['other', '', 'constructor', '__proto__'])('that is not configured has the defaults: %j', (name) => {
    expect(namespaceOptions(sut, name)).toBe(sut.namespaceDefaults);
  });

  it('is the same object each time', () => {
    expect(namespaceOptions(sut, 'chat')).toBe(namespaceOptions(sut, 'chat'));
  });
});

describe('the namespace of users', () => {
  const name = namespaceOf('@ann');

  it.each(['production', 'development'])(
    'permits only its user to subscribe in %s, whatever the defaults are',
    (mode) => {
      const sut = load('namespaceDefaults: { subscribe: anyone, presence: true }', { NODE_ENV: mode });
      expect(namespaceOptions(sut, name)).toEqual({ ...sut.namespaceDefaults, subscribe: 'granted' });
    },
  );

  it('accepts other options', () => {
    const sut = load("namespaces: { '@': { history: { size: 7 }, publish: anyone } }");
    expect(namespaceOptions(sut, name)).toMatchObject({
      history: { size: 7 },
      publish: 'anyone',
      subscribe: 'granted',
    });
  });
});

describe('contradictions', () => {
  it.each([
    ['namespaceDefaults: { positionTtl: 10 }', 'namespaceDefaults.positionTtl: expected at least history.ttl'],
    ['namespaces: { chat: { positionTtl: 10 } }', 'namespaces.chat.positionTtl: expected at least history.ttl'],
    [
      'namespaces: { chat: { history: { ttl: 1e6 } } }\nport: low',
      'namespaces.chat.positionTtl: expected at least history.ttl',
    ],
    [
      "namespaces: { '@': { subscribe: granted } }",
      "namespaces.@.subscribe: expected to be absent: nobody but its user subscribes to a user's own channel",
    ],
  ])('are refused: %s', (yaml, problem) => {
    expect(() => load(yaml)).toThrow(
      expect.objectContaining({ name: ConfigError.name, problems: expect.arrayContaining([problem]) }),
    );
  });

  it('in the defaults are reported once', () => {
    const yaml = 'namespaceDefaults: { positionTtl: 10 }\nnamespaces: { chat: { presence: true } }';
    expect(() => load(yaml)).toThrow(expect.objectContaining({ problems: [expect.any(String)] }));
  });
});

import { describe, expect, it } from 'vitest';
import { shares, type CpuProfile } from './profile.ts';

const URLS = {
  gateway: 'file:///app/apps/gateway/dist/channels/hub.js',
  broadcast: 'file:///app/libs/broadcast/dist/memory/streams.js',
  ws: '/app/node_modules/ws/lib/receiver.js',
  nest: 'file:///app/node_modules/@nestjs/core/router.js',
  jws: '/app/node_modules/jsonwebtoken/node_modules/jws/lib/verify.js',
  net: 'node:net',
  http: 'node:_http_server',
  buffer: 'node:buffer',
} as const;

/** @param stacks each is one sample of 10 µs, outermost first: the name of a URL, or a function without a URL. */
function profile(...stacks: readonly (readonly string[])[]): CpuProfile {
  const root = { id: 1, callFrame: { functionName: '(root)', url: '' }, children: [] as number[] };
  const nodes = [root];
  const samples = stacks.map((stack) => {
    let parent = root;
    for (const name of stack) {
      const url = URLS[name as keyof typeof URLS];
      const node = {
        id: nodes.length + 1,
        callFrame: { functionName: name, url: url ?? '' },
        children: [],
      };
      parent.children.push(node.id);
      nodes.push(node);
      parent = node;
    }
    return parent.id;
  });
  return { nodes, startTime: 1_000, samples, timeDeltas: samples.map(() => 10) };
}

const ALWAYS = [{ from: 0, to: Infinity }];

function of(...stacks: readonly (readonly string[])[]): Record<string, number> {
  return Object.fromEntries(shares([profile(...stacks)], ALWAYS));
}

describe('shares', () => {
  it('determines the owner by the file of the innermost function', () => {
    expect(of(['gateway'], ['gateway', 'ws'], ['net', 'broadcast'], ['nest', 'jws'])).toEqual({
      'gateway/channels': 0.25,
      ws: 0.25,
      'libs/broadcast': 0.25,
      'tokens (jsonwebtoken)': 0.25,
    });
    expect(of(['ws', 'net'], ['http'], ['buffer'], ['nest'])).toEqual({
      'Node: streams and sockets': 0.25,
      'Node: HTTP': 0.25,
      'Node, the rest': 0.25,
      '@nestjs/core': 0.25,
    });
  });

  it('counts built-in functions as their caller’s, and writes as the kernel’s', () => {
    expect(of(['gateway', 'stringify'], ['ws', 'writeBuffer'])).toEqual({
      'gateway/channels': 0.5,
      'the kernel: writing': 0.5,
    });
  });

  it('ignores idle time, and counts garbage collection separately', () => {
    expect(of(['(idle)'], ['(garbage collector)'], ['(program)'], ['(idle)'])).toEqual({
      'garbage collection': 0.5,
      'outside of JavaScript (libuv: polling, reading)': 0.5,
    });
  });

  it('counts only the measured windows', () => {
    const [first, second] = [profile(['ws'], ['gateway'], ['net']), profile(['broadcast'])];
    const found = shares([first, second], [{ from: 1_015, to: 1_025 }]);
    expect(Object.fromEntries(found)).toEqual({ 'gateway/channels': 1 });
  });
});

import { expect, it } from 'vitest';
import { Brokers } from './brokers.js';
import type { BrokerConnection } from './connection.js';

const BROKERS = [1, 2, 3].map((nodeId) => ({ nodeId, host: 'kafka', port: nodeId }));

it('no broker is always the first to be asked for metadata, because what it knows may be old', async () => {
  const connection = { isOpen: true, isDue: false, close: () => undefined } as unknown as BrokerConnection;
  const sut = new Brokers(
    [],
    async () => connection,
    () => undefined,
  );
  sut.update(BROKERS);
  // Two of them have a connection.
  const links = BROKERS.map(({ nodeId }) => sut.link(nodeId, 'calls'));
  await Promise.all([links[0]?.get(), links[2]?.get()]);
  const asked = Array.from({ length: 6 }, () => sut.candidates());
  for (const candidates of asked) {
    expect(new Set(candidates)).toEqual(new Set(links));
    expect(candidates.at(-1)).toBe(links[1]);
  }
  expect(new Set(asked.map(([first]) => first))).toEqual(new Set([links[0], links[2]]));
});

import fc from 'fast-check';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BrokerEvents, History, HistoryQuery, Position, StoredPublication, StreamOptions } from '../broker.js';
import { Stream } from '../memory/stream.js';
import { ChannelFeed } from './channel-feed.js';
import { RecentBudget } from './recent-publications.js';
import { HistoryReader, type HistoryPage, type HistoryStore } from './history-reader.js';

const OPTIONS: StreamOptions = { historySize: 5, historyTtl: 1_000_000, positionTtl: 1_000_000 };

/** The stream on the server, and the messages in transit, which may be late or lost. */
class Server implements HistoryStore {
  readonly published: (Position & { readonly payload: string })[] = [];
  readonly messages: { readonly epoch: string; readonly publication: StoredPublication }[] = [];
  reads = 0;
  #epochs = 1;
  #stream: Stream;

  constructor(options = OPTIONS) {
    this.#stream = new Stream('a', 'epoch 1', options, 0);
  }

  get position(): Position {
    return this.#stream.position;
  }

  publish(): void {
    const stream = this.#stream;
    stream.offset += 1;
    const publication = { offset: stream.offset, time: 1, payload: `${stream.epoch} ${stream.offset}` };
    stream.log.append(publication);
    stream.trim(1);
    this.published.push({ ...stream.position, payload: publication.payload });
    this.messages.push({ epoch: stream.epoch, publication });
  }

  startEpoch(): void {
    this.#epochs += 1;
    this.#stream = new Stream('a', `epoch ${this.#epochs}`, OPTIONS, 0);
  }

  async read(_: string, query: HistoryQuery): Promise<HistoryPage> {
    this.reads += 1;
    await setImmediate();
    const history = this.#stream.history(query);
    const all = this.#stream.history({ ...query, limit: Infinity, maxBytes: undefined });
    await setImmediate();
    return { history, isAll: history.publications.length === all.publications.length };
  }
}

type Reported = { readonly gap: Position } | { readonly publication: StoredPublication };

function subscriber(server: Server): { sut: ChannelFeed; reported: Reported[] } {
  const reported: Reported[] = [];
  const events = {
    onPublication: (_, publication) => reported.push({ publication }),
    onGap: (_, gap) => reported.push({ gap }),
  } as Partial<BrokerEvents> as BrokerEvents;
  const sut = new ChannelFeed('a', OPTIONS, {
    events,
    reader: new HistoryReader(server),
    budget: new RecentBudget(),
    now: () => 2,
  });
  return { sut, reported };
}

/** Checks order, no duplicates, and that everything missing was reported as a gap. */
function check(start: Position, reported: readonly Reported[], server: Server): void {
  let position = start;
  const epochs = new Set([start.epoch]);
  for (const entry of reported) {
    if ('gap' in entry) {
      if (entry.gap.epoch === position.epoch) expect(entry.gap.offset).toBeGreaterThan(position.offset);
      else expect(epochs).not.toContain(entry.gap.epoch);
      position = entry.gap;
      epochs.add(position.epoch);
    } else {
      const { offset, payload } = entry.publication;
      expect(offset).toBe(position.offset + 1);
      expect(payload).toBe(`${position.epoch} ${offset}`);
      position = { epoch: position.epoch, offset };
    }
  }
  expect(position).toEqual(server.position);
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant('publish' as const) },
  { weight: 4, arbitrary: fc.constant('deliver' as const) },
  { weight: 2, arbitrary: fc.constant('lose' as const) },
  { weight: 1, arbitrary: fc.constant('new epoch' as const) },
  { weight: 2, arbitrary: fc.constant('compare' as const) },
  { weight: 3, arbitrary: fc.constant('wait' as const) },
);

describe('a channel, as its subscribers see it,', () => {
  it('is in order, and every gap is reported, whatever messages are lost', async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const server = new Server();
      const { sut, reported } = subscriber(server);
      const start = server.position;
      sut.begin(start);
      const deliver = (): void => {
        const message = server.messages.shift();
        if (message !== undefined) sut.receive(message.epoch, message.publication);
      };
      for (const next of steps) {
        if (next === 'publish') server.publish();
        else if (next === 'deliver') deliver();
        else if (next === 'lose') server.messages.shift();
        else if (next === 'new epoch') server.startEpoch();
        else if (next === 'wait') await setImmediate();
        else {
          // The answer arrives after the messages before it, on the same connection.
          while (server.messages.length > 0) deliver();
          void sut.reconcile(server.position);
        }
      }
      while (server.messages.length > 0) deliver();
      await sut.reconcile(server.position);
      check(start, reported, server);
    });
    await expect(fc.assert(property, { numRuns: 500 })).resolves.toBeUndefined();
  });

  it('begins after its position, even if messages overtake the answer', async () => {
    const server = new Server();
    const { sut, reported } = subscriber(server);
    server.publish();
    const position = server.position;
    server.publish();
    for (const { epoch, publication } of server.messages) sut.receive(epoch, publication);
    sut.begin(position);
    expect(reported).toMatchObject([{ publication: { offset: 2 } }]);
    expect(server.reads).toBe(0);
  });

  it('does not return to an ended epoch, even if its messages still arrive', async () => {
    const server = new Server();
    const { sut, reported } = subscriber(server);
    const start = server.position;
    sut.begin(start);
    server.publish();
    server.startEpoch();
    await sut.reconcile(server.position);
    server.publish();
    for (const { epoch, publication } of server.messages) sut.receive(epoch, publication);
    await sut.reconcile({ epoch: start.epoch, offset: 9 });
    check(start, reported, server);
    expect(reported).toHaveLength(2);
    expect(server.reads).toBe(1);
  });

  it('delivers the next message without a read', () => {
    const server = new Server();
    const { sut, reported } = subscriber(server);
    sut.begin(server.position);
    for (let count = 0; count < 3; count += 1) server.publish();
    for (const { epoch, publication } of [...server.messages, ...server.messages]) sut.receive(epoch, publication);
    expect(reported).toHaveLength(3);
    expect(server.reads).toBe(0);
  });

  it('answers resumes from memory, and reads older publications once', async () => {
    const server = new Server();
    for (let count = 0; count < 4; count += 1) server.publish();
    server.messages.splice(0);
    const { sut } = subscriber(server);
    sut.begin(server.position);
    server.publish();
    for (const { epoch, publication } of server.messages) sut.receive(epoch, publication);
    const { epoch } = server.position;
    const resume = async (offset: number, of = epoch): Promise<History> =>
      sut.history({ since: { epoch: of, offset }, limit: 10 });
    expect(await resume(4)).toMatchObject({ complete: true, publications: [{ offset: 5 }] });
    expect(server.reads).toBe(0);
    const answers = await Promise.all([resume(0), resume(2), resume(3), resume(3, 'another')]);
    expect(answers.map(({ complete }) => complete)).toEqual([true, true, true, false]);
    expect(answers.map(({ publications }) => publications.length)).toEqual([5, 3, 2, 5]);
    expect(server.reads).toBe(1);
  });

  it('asks the server about a position ahead of what has arrived: another pod may have delivered it', async () => {
    const server = new Server();
    const { sut } = subscriber(server);
    sut.begin(server.position);
    server.publish();
    const { epoch } = server.position;
    expect(await sut.history({ since: server.position, limit: 10 })).toMatchObject({ complete: true, offset: 1 });
    expect(await sut.history({ since: { epoch, offset: 2 }, limit: 10 })).toMatchObject({ complete: false, offset: 1 });
  });

  it('waits for what a publisher on this pod knows, instead of reading it', async () => {
    const server = new Server();
    const { sut, reported } = subscriber(server);
    const since = server.position;
    sut.begin(since);
    for (let count = 0; count < 3; count += 1) server.publish();
    sut.published(server.position);
    const resumes = Array.from({ length: 4 }, async (_, offset) =>
      sut.history({ since: { ...since, offset }, limit: 10 }),
    );
    await setImmediate();
    for (const { epoch, publication } of server.messages) sut.receive(epoch, publication);
    for (const [offset, { complete, publications }] of (await Promise.all(resumes)).entries()) {
      expect(complete).toBe(true);
      expect(publications).toHaveLength(3 - offset);
    }
    expect(server.reads).toBe(0);
    expect(reported).toHaveLength(3);
  });

  it('reads once what a publisher on this pod knows and the server did not deliver', async () => {
    const server = new Server();
    const { sut, reported } = subscriber(server);
    const since = server.position;
    sut.begin(since);
    server.publish();
    server.publish();
    sut.published(server.position);
    const resumes = Array.from({ length: 100 }, async (_, index) =>
      sut.history({ since: { ...since, offset: index % 3 }, limit: 10 }),
    );
    for (const [index, { complete, publications }] of (await Promise.all(resumes)).entries()) {
      expect(complete).toBe(true);
      expect(publications).toHaveLength(2 - (index % 3));
    }
    await sut.reconcile(server.position);
    check(since, reported, server);
    expect(server.reads).toBeLessThanOrEqual(3);
  });

  it('answers thousands of resumes with a handful of reads, whatever positions they have', async () => {
    const stored = 5_000;
    const server = new Server({ ...OPTIONS, historySize: stored });
    for (let count = 0; count < stored; count += 1) server.publish();
    const { sut } = subscriber(server);
    sut.begin(server.position);
    const { epoch } = server.position;
    const limit = 2_000;
    const resumes = Array.from({ length: 5_000 }, async (_, index) => {
      const since = { epoch: index % 10 === 0 ? `gone ${index}` : epoch, offset: stored - (index % limit) };
      return { since, history: await sut.history({ since, limit }) };
    });
    for (const { since, history } of await Promise.all(resumes)) {
      expect(history.complete).toBe(since.epoch === epoch);
      expect(history.publications).toHaveLength(history.complete ? stored - since.offset : limit);
      expect(history.publications[0]?.offset ?? stored + 1).toBe(history.complete ? since.offset + 1 : 1);
    }
    expect(server.reads).toBeLessThanOrEqual(5);
  });
});

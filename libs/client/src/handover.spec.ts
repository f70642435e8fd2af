import type { Message, Position, SubscribeReply } from '@holdfast/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Handover, type Feed } from './handover.js';

const message = (offset: number): Message => ({ channel: 'room', offset, data: offset, time: 0 });

function setUp(since?: Position) {
  const log: string[] = [];
  const sut = new Handover(
    {
      message: ({ offset }) => log.push(`message ${offset}`),
      gap: ({ epoch, offset }, reason) => log.push(`${reason} ${epoch}:${offset}`),
    },
    since,
  );
  const open = (reply: Partial<SubscribeReply>, asked?: Position) =>
    sut.open({ channel: 'room', epoch: 'a', offset: 0, ...reply }, asked);
  const send = (feed: Feed, ...offsets: number[]) => offsets.forEach((offset) => sut.message(feed, message(offset)));
  return { sut, log, open, send };
}

describe('Handover', () => {
  it('starts a first feed at the position before the replay', () => {
    const { sut, log, open, send } = setUp();
    const feed = open({ offset: 7, replay: 2 });
    expect(sut.position).toEqual({ epoch: 'a', offset: 5 });
    send(feed, 6, 7, 8);

    expect(log).toEqual(['message 6', 'message 7', 'message 8']);
  });

  it('goes back if the gateway says that the stream is shorter than before', () => {
    const since = { epoch: 'a', offset: 10 };
    const { log, open, send } = setUp(since);
    send(open({ offset: 4, recovered: false }, since), 5);

    expect(log).toEqual(['not_recovered a:4', 'message 5']);
  });

  it('reports a gap if the gateway recovered nothing, even if the position is the same', () => {
    const since = { epoch: 'a', offset: 4 };
    const { log, open } = setUp(since);
    open({ offset: 4, recovered: false }, since);

    expect(log).toEqual(['not_recovered a:4']);
  });

  it('reports a gap of the only feed, whatever its position', () => {
    const { sut, log, open, send } = setUp();
    const feed = open({ offset: 5 });
    sut.gap(feed, { epoch: 'a', offset: 5 });
    sut.gap(feed, { epoch: 'a', offset: 3 });
    send(feed, 4);

    expect(log).toEqual(['gap a:5', 'gap a:3', 'message 4']);
  });

  it('reports a skipped offset, unless the namespace conflates', () => {
    const { log, open, send } = setUp();
    send(open({ offset: 1 }), 4);
    expect(log).toEqual(['gap a:3', 'message 4']);

    const conflated = setUp();
    conflated.send(conflated.open({ offset: 1, conflated: true }), 4);
    expect(conflated.log).toEqual(['message 4']);
  });

  it('goes back with a second feed if the gateway is behind the requested position', () => {
    const { log, open, send } = setUp();
    open({ offset: 5 });
    send(open({ offset: 3, recovered: false }, { epoch: 'a', offset: 5 }), 4);

    expect(log).toEqual(['not_recovered a:3', 'message 4']);
  });

  it('reports a gap if the reply is from an epoch that the application has left meanwhile', () => {
    const { sut, log, open, send } = setUp();
    const old = open({ offset: 1 });
    sut.gap(old, { epoch: 'b', offset: 4 });
    sut.end(old);
    send(open({ offset: 2, recovered: true, replay: 1 }, { epoch: 'a', offset: 1 }), 2);

    expect(log).toEqual(['gap b:4', 'gap a:1', 'message 2']);
  });

  it('reports a gap once if both feeds have it', () => {
    const { sut, log, open, send } = setUp();
    const old = open({ offset: 1 });
    const next = open({ offset: 1, recovered: true, replay: 0 }, { epoch: 'a', offset: 1 });
    sut.gap(old, { epoch: 'a', offset: 5 });
    sut.gap(next, { epoch: 'a', offset: 5 });
    send(next, 6);
    send(old, 6);

    expect(log).toEqual(['gap a:5', 'message 6']);
  });

  it('reports no gap if the other feed delivered the lost messages', () => {
    const { sut, log, open, send } = setUp();
    const old = open({ offset: 1 });
    const next = open({ offset: 1, recovered: true, replay: 0 }, { epoch: 'a', offset: 1 });
    send(old, 2, 3);
    sut.end(old);
    sut.gap(next, { epoch: 'a', offset: 2 });
    send(next, 3, 4);

    expect(log).toEqual(['message 2', 'message 3', 'message 4']);
  });

  it('drops messages of an epoch that another feed has left, until their feed has a gap', () => {
    const { sut, log, open, send } = setUp();
    const old = open({ offset: 1 });
    const next = open({ offset: 1, recovered: true, replay: 0 }, { epoch: 'a', offset: 1 });
    sut.gap(old, { epoch: 'b', offset: 0 });
    send(next, 2);
    send(old, 1);
    sut.gap(next, { epoch: 'b', offset: 1 });
    send(next, 2);
    send(old, 2, 3);

    expect(log).toEqual(['gap b:0', 'message 1', 'message 2', 'message 3']);
  });

  it('reports a gap if the remaining feed is in another epoch', () => {
    const { sut, log, open, send } = setUp();
    const old = open({ offset: 1 });
    const next = open({ offset: 1, recovered: true, replay: 0 }, { epoch: 'a', offset: 1 });
    sut.gap(old, { epoch: 'b', offset: 0 });
    send(next, 2);
    sut.end(old);
    send(next, 3);

    expect(log).toEqual(['gap b:0', 'gap a:2', 'message 3']);
  });

  it('drops held messages if the new feed itself has a gap', () => {
    const { sut, log, open, send } = setUp();
    const old = open({ offset: 1 });
    const next = open({ offset: 3, recovered: false }, { epoch: 'a', offset: 1 });
    send(next, 4);
    sut.gap(next, { epoch: 'a', offset: 6 });
    send(next, 7);
    send(old, 2, 3);

    expect(log).toEqual(['gap a:6', 'message 7']);
  });

  describe('with two connections to one stream, in any order of events', () => {
    const frames = ['publish', 'deliver 0', 'deliver 1'];
    const faults = ['lose 0', 'lose 1', 'trim', 'restart', 'end 0', 'end 1'];
    const steps = (misfortune: number) =>
      fc.array(
        fc.oneof(
          { weight: 12, arbitrary: fc.constantFrom(...frames) },
          { weight: 4, arbitrary: fc.constantFrom('ask 0', 'answer 0', 'ask 1', 'answer 1') },
          { weight: misfortune, arbitrary: fc.constantFrom(...faults) },
        ),
        { minLength: 5, maxLength: 150, size: 'max' },
      );

    it('delivers once, in order and without a silent gap', () => {
      fc.assert(
        fc.property(steps(3), (names) => {
          const model = new Model();
          for (const name of names) model.run(name);
          model.comeToRest();

          expect(model.wrong).toEqual([]);
          expect(model.sut.position).toEqual(model.head);
        }),
        { numRuns: 5_000 },
      );
    });

    it('reports no gap if nothing is lost', () => {
      fc.assert(
        fc.property(steps(0), (names) => {
          const model = new Model();
          for (const name of ['ask 0', 'answer 0', 'deliver 0', ...names]) model.run(name);
          model.comeToRest();

          expect(model.wrong).toEqual([]);
          expect(model.received).toEqual(Array.from({ length: model.head.offset }, (_, index) => `a:${index + 1}`));
        }),
        { numRuns: 1_000 },
      );
    });
  });
});

type Frame = { reply: SubscribeReply; since: Position | undefined } | { offset: number } | { gap: Position };

/** A stream, two connections that deliver it at their own pace, and an application that counts. */
class Model {
  head: Position = { epoch: 'a', offset: 0 };
  /** What the application received. */
  readonly received: string[] = [];
  readonly wrong: string[] = [];
  readonly sut: Handover;

  /** Frames in transit on each connection; there are none before the reply to the subscribe. */
  readonly #connections: {
    frames: Frame[];
    isAnswered: boolean;
    asked?: { since: Position | undefined };
    feed?: Feed;
  }[] = [0, 1].map(() => ({ frames: [], isAnswered: false }));
  #trimmed = 0;
  #expected: Position | undefined;

  constructor() {
    this.sut = new Handover(
      {
        message: ({ offset }) => this.#hear(offset),
        gap: (position) => {
          this.received.push(`gap ${position.epoch}:${position.offset}`);
          this.#expected = position;
        },
      },
      undefined,
    );
  }

  run(name: string): void {
    const [step, index] = name.split(' ');
    const connection = this.#connections[Number(index ?? 0)];
    if (connection === undefined) return;
    switch (step) {
      case 'publish':
        this.head = { ...this.head, offset: this.head.offset + 1 };
        return this.#broadcast({ offset: this.head.offset });
      case 'restart':
        this.head = { epoch: String.fromCharCode(this.head.epoch.charCodeAt(0) + 1), offset: 0 };
        this.#trimmed = 0;
        return this.#broadcast({ gap: this.head });
      case 'trim':
        this.#trimmed = this.head.offset;
        return;
      case 'ask':
        if (connection.asked === undefined) connection.asked = { since: this.sut.position };
        return;
      case 'answer':
        if (connection.asked !== undefined && !connection.isAnswered) {
          connection.isAnswered = true;
          connection.frames = this.#answer(connection.asked.since);
        }
        return;
      case 'lose':
        // The broker was unavailable: the pod missed messages, and reports a gap.
        if (!connection.isAnswered) return;
        connection.frames = connection.frames.filter((frame) => !('offset' in frame));
        connection.frames.push({ gap: this.head });
        return;
      case 'end':
        if (connection.feed !== undefined) this.sut.end(connection.feed);
        this.#connections[Number(index)] = { frames: [], isAnswered: false };
        return;
      case 'deliver': {
        const frame = connection.frames.shift();
        if (frame === undefined) return;
        if ('reply' in frame) {
          connection.feed = this.sut.open(frame.reply, frame.since);
          this.#expected ??= this.sut.position;
        } else if (connection.feed === undefined) {
          throw new Error('a frame before the reply');
        } else if ('gap' in frame) {
          this.sut.gap(connection.feed, frame.gap);
        } else {
          this.sut.message(connection.feed, message(frame.offset));
        }
      }
    }
  }

  /** Delivers everything, closes the older connection, and opens another if there is none left. */
  comeToRest(): void {
    const drain = () => {
      for (const index of [0, 1]) while (this.#connections[index]?.frames.length) this.run(`deliver ${index}`);
    };
    drain();
    if (this.#connections[1]?.feed !== undefined) this.run('end 0');
    else for (const name of ['end 1', 'ask 0', 'answer 0']) this.run(name);
    drain();
  }

  #broadcast(frame: Frame): void {
    for (const { isAnswered, frames } of this.#connections) if (isAnswered) frames.push(frame);
  }

  #answer(since: Position | undefined): Frame[] {
    const reply = { channel: 'room', ...this.head };
    if (since === undefined) return [{ reply, since }];
    const recovered =
      since.epoch === this.head.epoch && since.offset >= this.#trimmed && since.offset <= this.head.offset;
    const replay = recovered ? this.head.offset - since.offset : 0;
    const missed = Array.from({ length: replay }, (_, index) => ({ offset: since.offset + index + 1 }));
    return [{ reply: { ...reply, recovered, replay }, since }, ...missed];
  }

  /** The application's own check: each message follows the previous one. */
  #hear(offset: number): void {
    const epoch = this.sut.position?.epoch ?? '';
    const name = `${epoch}:${offset}`;
    if (this.received.includes(name)) this.wrong.push(`${name} came twice`);
    if (this.#expected?.epoch !== epoch || this.#expected.offset + 1 !== offset)
      this.wrong.push(`${name} out of order`);
    this.received.push(name);
    this.#expected = { epoch, offset };
  }
}

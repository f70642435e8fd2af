import { describe, expect, it } from 'vitest';
import { attributesOf, type Claim, type Content, type Message } from './message.js';
import { Replica } from './replica.js';
import { Seen } from './seen.js';

/** A partition, and the pods that receive it. */
class Topic {
  readonly messages: Message[] = [];

  publish(content: Content | string, claim?: Claim): Message {
    const isText = typeof content === 'string';
    const message = {
      id: `m${this.messages.length + 1}`,
      time: 1_000 + this.messages.length,
      attributes: attributesOf(isText ? { kind: 'entry', plain: undefined } : content, claim),
      data: Buffer.from(isText ? content : ''),
    };
    this.messages.push(message);
    return message;
  }
}

class Pod {
  readonly events: string[] = [];
  readonly replica = new Replica({
    onHello: (question, generation, next) => this.events.push(`hello ${question} ${generation} ${next}`),
    onAnswer: (question) => this.events.push(`answer ${question}`),
    onPlaced: () => this.events.push('placed'),
    onMark: (token) => this.events.push(`mark ${token}`),
    onLost: () => this.events.push('lost'),
    onRenumbered: () => this.events.push('renumbered'),
  });

  constructor(token: string) {
    this.replica.forget(token);
  }

  receive(...messages: readonly Message[]): this {
    for (const message of messages) this.replica.receive(message);
    return this;
  }

  get entries(): string[] {
    return this.replica.entries('first', 100).map(({ offset, data }) => `${offset} ${Buffer.from(data).toString()}`);
  }
}

/** A pod that has begun the numbering `g1`, and read these entries. */
function begun(topic: Topic, ...texts: readonly string[]): Pod {
  topic.publish({ kind: 'hello', token: 'one' });
  topic.publish({ kind: 'begin', generation: 'g1' });
  for (const text of texts) topic.publish(text);
  return new Pod('one').receive(...topic.messages);
}

describe('the replica of a partition on Pub/Sub', () => {
  it('counts from 0 after the beginning, and only entries', () => {
    const topic = new Topic();
    const pod = begun(topic, 'a', 'b');
    pod.receive(topic.publish({ kind: 'mark', token: 't' }), topic.publish('c'));
    expect(pod.entries).toEqual(['0 a', '1 b', '2 c']);
    expect(pod.events).toEqual(['placed', 'mark t']);
  });

  it('of a pod that comes later begins with its question, with the same offsets', () => {
    const topic = new Topic();
    const here = begun(topic, 'a', 'b');
    const there = new Pod('two');
    const send = (content: Content | string): void => {
      const message = topic.publish(content);
      here.receive(message);
      there.receive(message);
    };
    send('before');
    send({ kind: 'hello', token: 'two' });
    send('c');
    expect(there.replica.isPlaced).toBe(false);
    expect(here.events.at(-1)).toBe('hello m6 g1 3');
    send({ kind: 'place', of: 'm6', generation: 'g1', next: 3 });
    send('d');
    expect(there.entries).toEqual(['3 c', '4 d']);
    expect(here.entries.slice(-2)).toEqual(there.entries);
  });

  it('begins again for everybody if no pod has answered', () => {
    const topic = new Topic();
    const here = begun(topic, 'a');
    const messages = [
      topic.publish({ kind: 'hello', token: 'two' }),
      topic.publish({ kind: 'begin', generation: 'g2' }),
      topic.publish('b'),
    ];
    const there = new Pod('two').receive(...messages);
    here.receive(...messages);
    expect([here.entries, there.entries]).toEqual([['0 b'], ['0 b']]);
    expect(here.events.at(-1)).toBe('renumbered');
  });

  it('ignores what is delivered again, even in the middle of new messages', () => {
    const topic = new Topic();
    const pod = begun(topic, 'a', 'b', 'c');
    pod.receive(...topic.messages.slice(2), topic.publish('d'), ...topic.messages.slice(1));
    expect(pod.entries).toEqual(['0 a', '1 b', '2 c', '3 d']);
  });

  it('ignores what is delivered again after it was forgotten', () => {
    const seen = new Seen(3);
    for (let number = 1; number <= 5; number += 1) expect(seen.add(`m${number}`, number)).toBe(true);
    for (let number = 1; number <= 5; number += 1) expect(seen.add(`m${number}`, number)).toBe(false);
    expect(seen.add('m6', 6)).toBe(true);
  });

  it('notices that it lacks what the author of a message has read; the author lacks nothing', () => {
    const topic = new Topic();
    const here = begun(topic, 'a');
    const there = begun(new Topic(), 'a');
    const lost = topic.publish('b');
    here.receive(lost);
    const byThere = topic.publish('c', there.replica.claim);
    here.receive(byThere);
    there.receive(byThere);
    const byHere = topic.publish('d', here.replica.claim);
    here.receive(byHere);
    there.receive(byHere);
    expect(here.entries).toEqual(['0 a', '1 b', '2 c', '3 d']);
    expect([here.events.at(-1), there.events.at(-1)]).toEqual(['placed', 'lost']);
  });

  it('says which entries are of a writer that has missed some', () => {
    const topic = new Topic();
    const here = begun(topic, 'a');
    const there = begun(new Topic(), 'a');
    here.receive(topic.publish('b'));
    for (const text of ['c', 'd']) {
      const message = topic.publish(text, there.replica.claim);
      here.receive(message);
      there.receive(message);
    }
    // Of the first one it cannot be said: its writer has named `a`, which is right.
    expect(here.replica.entries('first', 9).map(({ isWriterBehind = false }) => isWriterBehind)).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(here.events.at(-1)).toBe('placed');
  });

  it('keeps plain messages of backends with their channel and key', () => {
    const topic = new Topic();
    const pod = begun(topic);
    const body = Buffer.from('1');
    const message = { id: 'p', time: 2_000, attributes: { channel: 'news:1', key: 'k' }, data: body };
    pod.receive(message, { ...message, id: 'q', attributes: { channel: 'news:1' } });
    expect(pod.replica.entries('first', 9).map(({ plain }) => plain)).toEqual([
      { channel: 'news:1', key: 'k', body },
      { channel: 'news:1', key: undefined, body },
    ]);
  });
});

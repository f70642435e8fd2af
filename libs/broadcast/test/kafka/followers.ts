import { expect } from 'vitest';
import { KafkaAdapter } from '../../src/kafka/kafka-adapter.js';
import { LogFollower } from '../../src/testing/log-follower.js';
import { eventually } from '../../src/testing/eventually.js';

/** The adapters of a spec file. */
export class Followers {
  readonly #all: LogFollower[] = [];
  #topics = 0;

  /** The name of a topic that no other test of the file uses. */
  uniqueTopic(): string {
    this.#topics += 1;
    return `topic${this.#topics}`;
  }

  /** An adapter that has begun to connect. */
  connect(url: string | (() => string)): LogFollower {
    const follower = new LogFollower(new KafkaAdapter(typeof url === 'string' ? () => url : url));
    this.#all.push(follower);
    follower.adapter.start(follower);
    return follower;
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map(async ({ adapter }) => adapter.close()));
  }
}

/** Why the log cannot be opened. */
export async function refusal({ adapter }: LogFollower): Promise<Error> {
  return adapter.open(AbortSignal.timeout(5_000)).then(
    () => new Error('it was opened'),
    (error: Error) => error,
  );
}

export async function expectToWork(follower: LogFollower): Promise<void> {
  await follower.open();
  follower.tail('first');
  await follower.append('a1');
  await follower.reads(['a1']);
  await eventually(() => expect(follower.problem).toBeUndefined());
}

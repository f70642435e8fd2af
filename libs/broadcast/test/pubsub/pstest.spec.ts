import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LogBroker } from '../../src/log/log-broker.js';
import { PubsubAdapter } from '../../src/pubsub/pubsub-adapter.js';
import { LASTING, Pod, until } from '../../src/testing/pod.js';
import { startPstest, type Pstest } from '../support/pubsub/pstest.js';

describe('two pods on the in-memory server of Google', () => {
  let server: Pstest;
  let pods: Pod[];
  let tests = 0;

  beforeAll(async () => {
    server = await startPstest();
  });
  afterAll(async () => server.close());
  beforeEach(async () => {
    tests += 1;
    const url = `pubsub://test-project/holdfast-${tests}?partitions=2&endpoint=127.0.0.1:${server.port}`;
    pods = [0, 1].map(() => new Pod(new LogBroker(new PubsubAdapter(() => url))));
    for (const pod of pods) await pod.start();
  });
  afterEach(async () => Promise.all(pods.map(async (pod) => pod.close())));

  it('receive what both publish in the same order, and answer reads from it', async () => {
    const [here, there] = pods;
    for (const { broker } of pods) await broker.subscribe('news:1', LASTING);
    for (let round = 1; round <= 10; round += 1) {
      await Promise.all([here?.publish('news:1', `here ${round}`), there?.publish('news:1', `there ${round}`)]);
    }
    await until(() => expect(pods.map((pod) => pod.delivered('news:1').length)).toEqual([20, 20]));
    expect(here?.delivered('news:1')).toEqual(there?.delivered('news:1'));
    expect(here?.delivered('news:1').map(({ offset }) => offset)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    const history = await there?.broker.history('news:1', { limit: 100 });
    expect(history?.publications).toHaveLength(20);
    expect(await here?.broker.channels({ limit: 10 })).toEqual(['news:1']);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MembershipPod, MembershipServer } from './support/membership-server.js';

const SECOND = 1_000;

async function pass(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * SECOND);
}

/** Joins one member in each of several rooms. */
async function fill(pod: MembershipPod, rooms: number): Promise<void> {
  await Promise.all(Array.from({ length: rooms }, async (_, index) => pod.join(`${pod.name}-${index}`, `c${index}`)));
}

/** All pods use the same fake clock, so that minutes pass in an instant. */
describe('the entries of a pod on a server', () => {
  let server: MembershipServer;
  let pods: MembershipPod[];

  beforeEach(() => {
    vi.useFakeTimers();
    server = new MembershipServer();
    pods = [];
  });
  afterEach(async () => {
    server.isAway = true;
    const closed = Promise.all(pods.map(async (pod) => pod.close()));
    await vi.advanceTimersByTimeAsync(60 * SECOND);
    await closed;
    vi.useRealTimers();
  });

  async function startPod(name: string): Promise<MembershipPod> {
    const pod = new MembershipPod(server, name);
    pods.push(pod);
    pod.start();
    await pass(0.1);
    return pod;
  }

  /** @returns the seconds that it took. */
  async function restored(pod: MembershipPod, count: number): Promise<number> {
    let seconds = 0;
    while (server.count(pod.name) < count) {
      await pass(1);
      seconds += 1;
      if (seconds > 600) throw new Error(`${server.count(pod.name)} of ${count} are restored`);
    }
    return seconds;
  }

  it('are restored while the lease is kept, however long that takes', async () => {
    const [here, there] = [await startPod('here'), await startPod('there')];
    await fill(here, 1_000);
    server.empty();
    server.latency = 2 * SECOND;
    here.lease.onConnected(true);
    there.lease.onConnected(true);
    expect(await restored(here, 1_000)).toBeGreaterThan(30);
    await pass(30);
    expect(server.lapses).toEqual([]);
    expect(server.swept).toEqual([]);
    expect(server.puts).toHaveLength(1_000);
    expect(server.mostAtATime, 'calls at a time').toBeLessThan(50);
    expect(server.names('here', 'presence').size).toBe(1_000);
    expect(here.restored).toBe(1);
  });

  it('are restored once, although the lease runs out in the middle', async () => {
    const here = await startPod('here');
    await startPod('there');
    await fill(here, 1_000);
    server.empty();
    server.latency = SECOND;
    here.lease.onConnected(true);
    await pass(10);
    const before = server.puts.length;
    expect(before).toBeGreaterThan(100);
    server.isAway = true;
    await pass(20);
    server.isAway = false;
    for (const pod of pods) pod.lease.onConnected(false);
    for (const pod of pods) pod.upkeep.retryNow();
    await restored(here, 1_000);
    await pass(30);
    expect(server.lapses.length).toBeGreaterThanOrEqual(2);
    expect(server.swept).toEqual([]);
    expect(server.puts).toHaveLength(1_000);
  });

  it('are restored again only if the server has lost them after they were restored', async () => {
    const here = await startPod('here');
    await fill(here, 1_000);
    server.empty();
    server.latency = SECOND;
    here.lease.onConnected(true);
    await pass(10);
    const before = server.puts.length;
    server.empty();
    here.lease.onConnected(true);
    await restored(here, 1_000);
    await pass(30);
    // Writes that were running at that moment count as lost too.
    expect(server.puts.length).toBeLessThanOrEqual(1_000 + before + 64);
  });

  it('are restored after a loss, even if the answer that reported it was lost', async () => {
    const here = await startPod('here');
    await fill(here, 10);
    server.empty();
    here.lostAnswers = 1;
    await pass(10);
    expect(server.count('here')).toBe(10);
  });

  it('are restored, renewed and swept although one slot is unavailable', async () => {
    const [here, gone] = [await startPod('here'), await startPod('gone')];
    await fill(here, 300);
    await fill(gone, 100);
    for (let index = 0; index < 100; index += 1) server.dead.add(`here-${index}`);
    for (let index = 0; index < 10; index += 1) server.dead.add(`gone-${index}`);
    await Promise.allSettled(Array.from({ length: 100 }, async (_, index) => here.leave(`here-${index}`, `c${index}`)));
    expect(here.rooms.backlog).toBe(100);
    server.empty();
    here.lease.onConnected(true);
    await pass(10);
    expect(server.count('here')).toBe(200);
    await pass(600);
    expect(server.prolonged.size).toBeGreaterThanOrEqual(200);
    expect(server.lapses).toEqual([]);
    await gone.close();
    await pass(60);
    expect([server.count('gone'), server.pods.has('gone')]).toEqual([0, true]);
    server.dead.clear();
    await pass(60);
    expect([server.count('gone'), here.rooms.backlog]).toEqual([0, 0]);
    expect(server.pods.has('gone')).toBe(false);
  });

  it('wait once per client during an outage, and not at all for clients that only joined and left', async () => {
    const here = await startPod('here');
    await fill(here, 100);
    server.isAway = true;
    for (let round = 0; round < 20; round += 1) {
      for (let index = 0; index < 100; index += 1) {
        await here.leave(`here-${index}`, `c${index}`).catch(() => undefined);
        await here.join(`here-${index}`, `c${index}`).catch(() => undefined);
        await here.join('other', `new ${round} ${index}`).catch(() => undefined);
        await here.leave('other', `new ${round} ${index}`).catch(() => undefined);
      }
    }
    expect(here.rooms.backlog).toBe(100);
    await pass(60);
    server.isAway = false;
    here.upkeep.retryNow();
    await pass(30);
    expect([here.rooms.backlog, server.count('here')]).toEqual([0, 0]);
    expect(server.removals).toHaveLength(100);
  });

  it('have the last desired state after a leave and a join failed', async () => {
    const here = await startPod('here');
    for (const client of ['stays', 'goes']) await here.join('room', client);
    server.dead.add('room');
    await expect(here.leave('room', 'stays')).rejects.toThrow('away');
    await expect(here.leave('room', 'goes')).rejects.toThrow('away');
    server.dead.clear();
    await here.join('room', 'stays', 'h2');
    await pass(60);
    expect([...server.clients('room').keys()]).toEqual(['stays']);
    expect(server.removals).toEqual(['goes']);
  });

  it('are removed if the client left while they were being restored or written', async () => {
    const here = await startPod('here');
    await here.join('room', 'ann');
    server.empty();
    server.latency = 4 * SECOND;
    here.lease.onConnected(true);
    await pass(1);
    server.latency = 0;
    // Overtakes the running writes, as a redirection on a cluster does.
    await here.leave('room', 'ann');
    server.latency = 4 * SECOND;
    const joined = here.join('room', 'bob');
    server.latency = 0;
    await here.leave('room', 'bob');
    await pass(10);
    await joined;
    await pass(10);
    expect(server.clients('room').size).toBe(0);
  });

  it('are found by other pods until they are removed', async () => {
    const here = await startPod('here');
    await here.join('room', 'ann');
    server.dead.add('room');
    await here.leave('room', 'ann').catch(() => undefined);
    await pass(60);
    expect([...server.names('here', 'presence')]).toEqual(['room']);
    server.dead.clear();
    await pass(60);
    expect([...server.names('here', 'presence')]).toEqual([]);
  });

  it('are removed from a server that has lost their removal', async () => {
    const here = await startPod('here');
    await here.join('room', 'ann');
    await here.leave('room', 'ann');
    server.clients('room').set('ann', 'here');
    server.clients('elsewhere').set('bob', 'here');
    server.names('here', 'presence').add('elsewhere');
    server.names('here', 'channels').add('unwanted');
    here.lease.onConnected(true);
    await pass(20);
    expect(server.count('here')).toBe(0);
    expect(server.names('here', 'presence').size + server.names('here', 'channels').size).toBe(0);
  });

  it('are swept in steps after their pod has died', async () => {
    const [, dead] = [await startPod('here'), await startPod('dead')];
    await fill(dead, 300);
    for (let client = 0; client < 100; client += 1) await dead.join('crowd', `m${client}`);
    await dead.close();
    server.latency = 100;
    await pass(120);
    expect(server.count('dead')).toBe(0);
    expect(new Set(server.swept).size).toBe(400);
    expect(server.mostAtATime).toBeLessThan(60);
    expect([...server.pods.keys()]).toEqual(['here']);
    expect(server.names('dead', 'presence').size).toBe(0);
  });

  it('are not swept any more when their pod is back, and are complete then', async () => {
    const [here, back] = [await startPod('here'), await startPod('back')];
    await fill(back, 1_000);
    await back.close();
    server.latency = SECOND;
    while (server.swept.length === 0) await pass(0.5);
    const again = new MembershipPod(server, 'back');
    pods.push(again);
    for (let index = 0; index < 1_000; index += 1) again.rooms.add(`back-${index}`, `c${index}`, { holder: 'h' });
    again.start();
    await pass(300);
    expect(server.swept.length).toBeLessThan(200);
    expect(server.count('back')).toBe(1_000);
    expect(server.names('back', 'presence').size).toBe(1_000);
    expect(here.lease.problem).toBeUndefined();
  });
});

describe('the index of a pod', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    ['removed while its addition is running', ['add', 'wait', 'remove'], false],
    ['removed and added again meanwhile', ['add', 'wait', 'remove', 'add'], true],
    ['added while its removal is running', ['add', 'settle', 'remove', 'wait', 'add'], true],
    ['added and removed again meanwhile', ['add', 'settle', 'remove', 'wait', 'add', 'remove'], false],
    ['removed after its addition failed', ['away', 'add', 'wait', 'remove', 'settle', 'back'], false],
    ['added after its removal failed', ['add', 'settle', 'away', 'remove', 'settle', 'add', 'back'], true],
    ['removed while all is written again', ['add', 'settle', 'lost', 'wait', 'remove'], false],
    ['added while all is written again', ['lost', 'wait', 'add'], true],
  ])('is correct for a name that was %s', async (_, steps, isListed) => {
    const server = new MembershipServer();
    server.latency = SECOND;
    const { index } = new MembershipPod(server, 'here');
    for (let other = 0; other < 1_200; other += 1) index.add('channels', `other ${other}`);
    await vi.advanceTimersByTimeAsync(10 * SECOND);
    const actions: Record<string, () => unknown> = {
      add: () => index.add('channels', 'name'),
      remove: () => index.remove('channels', 'name'),
      lost: () => index.markLost(),
      wait: async () => vi.advanceTimersByTimeAsync(SECOND / 2),
      settle: async () => vi.advanceTimersByTimeAsync(10 * SECOND),
      away: () => (server.isAway = true),
      back: () => (server.isAway = false),
    };
    for (const step of steps) await actions[step]?.();
    await vi.advanceTimersByTimeAsync(60 * SECOND);
    expect(server.names('here', 'channels').has('name')).toBe(isListed);
    expect(server.names('here', 'channels').size).toBe(isListed ? 1_201 : 1_200);
    await index.close();
  });

  it('needs few commands for many names', async () => {
    const server = new MembershipServer();
    const pod = new MembershipPod(server, 'here');
    const write = vi.spyOn(pod, 'write');
    for (let name = 0; name < 10_000; name += 1) pod.index.add('channels', `${name}`);
    await vi.advanceTimersByTimeAsync(SECOND);
    expect(server.names('here', 'channels').size).toBe(10_000);
    expect(write.mock.calls.length).toBeLessThanOrEqual(20);
    await pod.index.close();
  });
});

import { policyText } from '../fold/plain.js';
import { RULES } from '../fold/rules.js';
import type { Partition } from '../partition/partition.js';
import type { LogSettings } from '../settings.js';
import type { Beacons } from './beacons.js';
import { nothing, written } from './record.js';
import type { Snapshots } from './snapshots.js';

export interface KeeperContext {
  readonly settings: LogSettings;
  readonly beacons: Beacons;
  /** The first one has the beacons. */
  readonly partitions: readonly Partition[];
  readonly snapshotsOf: (partition: Partition) => Snapshots;
  readonly onSnapshotFailed: (partition: Partition, reason: string) => void;
}

/**
 * Does for all pods what one has to do: declares pods dead, writes digests and snapshots, and switches to new rules. Every record is
 * harmless if two pods write it, and what fails is done again in the next round.
 */
export class Keeper {
  readonly #context: KeeperContext;
  /** Rounds in which a partition had a pod that the first one does not know. */
  readonly #unknown = new Map<string, number>();
  #isWriting = false;

  constructor(context: KeeperContext) {
    this.#context = context;
  }

  /** Called after each beacon of this pod. */
  async round(): Promise<void> {
    const { beacons, partitions } = this.#context;
    if (!beacons.isKeeper) return;
    await Promise.allSettled([
      ...partitions.flatMap((partition) => this.#bury(partition)),
      ...partitions.map(async (partition) => this.#digest(partition)),
      this.#snapshots(),
      ...this.#switchRules(),
      ...this.#publishPolicy(),
    ]);
  }

  /** A pod asks for a snapshot. If it has to ask again, every pod answers: the asking one may be the keeper itself. */
  async answer(partition: Partition): Promise<void> {
    const { beacons, snapshotsOf } = this.#context;
    if (beacons.isKeeper || snapshotsOf(partition).asked > 1) await this.#snapshot(partition);
  }

  /** Only the first partition decides who is dead, as only it has the beacons. The others follow. */
  #bury(partition: Partition): Promise<void>[] {
    const { beacons, partitions } = this.#context;
    const [first] = partitions;
    if (partition === first) {
      return beacons.silent.map(async ({ id, number }) =>
        written(partition, { kind: 'dead', pod: id, seen: number }, nothing),
      );
    }
    const dead: string[] = [];
    for (const { id, isDead } of partition.fold?.pods.all ?? [])
      if (!isDead && this.#isGone(id, partition)) dead.push(id);
    return dead.map(async (pod) => written(partition, { kind: 'dead', pod, seen: undefined }, nothing));
  }

  #isGone(pod: string, { index }: Partition): boolean {
    const known = this.#context.partitions[0]?.fold?.pods.get(pod);
    if (known !== undefined) return known.isDead;
    // It may have been forgotten, or its first beacon is still on the way.
    const key = `${index} ${pod}`;
    const rounds = (this.#unknown.get(key) ?? 0) + 1;
    this.#unknown.set(key, rounds);
    if (rounds <= 3) return false;
    this.#unknown.delete(key);
    return true;
  }

  async #digest(partition: Partition): Promise<void> {
    const { fold } = partition;
    if (fold?.digest.latest === undefined) return;
    const { offset, hash } = fold.digest.latest;
    const snapshots = this.#context.snapshotsOf(partition).complete;
    await written(partition, { kind: 'digest', offset, hash, snapshots }, nothing);
  }

  /** One partition after the other: the steps of all of them in one turn of the event loop would hold up everything else. */
  async #snapshots(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      for (const partition of this.#context.partitions) await this.#snapshot(partition).catch(() => undefined);
    } finally {
      this.#isWriting = false;
    }
  }

  async #snapshot(partition: Partition): Promise<void> {
    const { settings, snapshotsOf, onSnapshotFailed } = this.#context;
    const snapshots = snapshotsOf(partition);
    if (!snapshots.isDue(settings.snapshotInterval, settings.window / 2)) return;
    try {
      await snapshots.write();
    } catch (error) {
      onSnapshotFailed(partition, error instanceof Error ? error.message : 'it was not written');
    }
  }

  /** The policy of this pod's configuration, if the log has another one. */
  #publishPolicy(): Promise<void>[] {
    const { settings, partitions } = this.#context;
    const policy = policyText(settings.plain);
    return partitions
      .filter(({ fold }) => fold !== undefined && fold.policy !== policy)
      .map(async (partition) => written(partition, { kind: 'policy', policy }, nothing));
  }

  #switchRules(): Promise<void>[] {
    const { beacons, partitions } = this.#context;
    if (beacons.alive.some(({ rules }) => rules < RULES)) return [];
    return partitions
      .filter(({ fold }) => fold !== undefined && fold.rules < RULES)
      .map(async (partition) => written(partition, { kind: 'rules', version: RULES }, nothing));
  }
}

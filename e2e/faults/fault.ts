import { expect } from 'vitest';
import type { RunOptions, RunReport } from '../load/run.js';
import type { PodWatch } from '../support/pod-watch.js';
import type { Load } from '../support/load.js';
import type { Values } from '../support/release.js';
import type { Scene } from '../support/scene.js';

/** What a client may notice, at most. */
export type Cost =
  /** Nobody is cut: pods go one after the other, each after its drain. No publish over HTTP has to be repeated. */
  | 'nothing'
  /** Sockets break, and come back; every message comes all the same. */
  | 'reconnect'
  /** Sockets stay, messages pause; every message comes all the same. */
  | 'pause'
  /** The broker lost its data, or may have: each client is told one gap on its channel. */
  | 'gap';

/** Something that happens to a release under load. */
export interface Fault {
  readonly name: string;
  readonly cost: Cost;
  /** Does it, waits until it is over, and asserts that it really happened. */
  inject(scene: Scene, watch: PodWatch, load: Load): Promise<void>;
  /** What the release is installed with beyond the rest. */
  readonly values?: Values;
  /** What is changed before there is any load. */
  prepare?(scene: Scene): Promise<void>;
  /** How the load differs from that of other faults. */
  readonly load?: Partial<RunOptions>;
  /** Whether clients are asked to move while no pod stops. */
  readonly movesClients?: true;
  /** Whether the cluster itself cannot tell which pods are ready. */
  readonly blindsCluster?: true;
  /** What more must hold; also that clients, or publishers, noticed what they were to notice. */
  expect?(report: RunReport, watch: PodWatch): void;
}

/** How long a plain client, which closes its socket before it opens the next one, may be without, in ms. */
const PLAIN_INTERRUPTION = 1_000;

/** How much above an even flow the upgrades of 5 s may be. */
const STORM = 1.5;

/** Asserts what must hold after a fault of this cost; what the examples say stands beside each number. */
export function expectSurvived(fault: Fault, report: RunReport, watch: PodWatch): void {
  const { cost } = fault;
  const { verdict, burst } = report;
  const { examples } = verdict;
  const { lost, duplicated, misordered, wrong, behind, disconnected, unsound, mostGaps, reportedLost } = verdict;
  expect({ lost, duplicated, misordered, wrong, behind, disconnected, unsound, examples }).toEqual({
    lost: 0,
    duplicated: 0,
    misordered: 0,
    wrong: 0,
    behind: 0,
    disconnected: 0,
    unsound: 0,
    examples: [],
  });
  expect(verdict.delivered).toBeGreaterThan(0);
  if (cost === 'gap') {
    expect({ mostGaps, clientsWithGaps: verdict.clientsWithGaps }).toEqual({
      mostGaps: 1,
      clientsWithGaps: verdict.clients,
    });
  } else {
    expect({ mostGaps, reportedLost }).toEqual({ mostGaps: 0, reportedLost: 0 });
  }
  if (cost === 'nothing') expect(report.publishers.failedFirst, 'no publish has to be repeated').toEqual({});
  fault.expect?.(report, watch);
  if (cost === 'reconnect') return;
  expect(verdict.interruption.library, 'clients with the library are never without a socket').toMatchObject({ max: 0 });
  expect(verdict.interruption.plain.max).toBeLessThan(PLAIN_INTERRUPTION);
  expect(verdict.refusedUpgrades, 'no upgrade is refused').toEqual({});
  if (fault.movesClients !== true) expect(burst, 'upgrades are spread over the drain').toBeLessThanOrEqual(STORM);
  if (fault.blindsCluster === true) return;
  const unready = [...watch.lives.values()].filter(({ failures }) => failures.length > 0);
  expect(unready, 'no pod fails readiness but one that stops').toEqual([]);
}

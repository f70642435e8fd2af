import { expect } from 'vitest';
import { expectSound } from '../checks/sound.js';
import type { RunOptions, RunReport } from '../load/run.js';
import type { PodWatch } from '../support/pod-watch.js';
import type { Load } from '../support/load.js';
import type { Values } from '../support/release.js';
import type { Scene } from '../support/scene.js';

/** The most that a client may notice. */
export type Cost =
  /** Nobody is disconnected: pods stop one after the other, each after its drain. No publish over HTTP has to be repeated. */
  | 'nothing'
  /** Sockets break and reconnect; every message arrives nevertheless. */
  | 'reconnect'
  /** Sockets stay open, messages pause; every message arrives nevertheless. */
  | 'pause'
  /** The broker lost its data, or may have: each client receives one gap on its channel. */
  | 'gap';

/** A fault that is injected into a release under load. */
export interface Fault {
  readonly name: string;
  readonly cost: Cost;
  /** Injects the fault, waits until it is over, and asserts that it really happened. */
  inject(scene: Scene, watch: PodWatch, load: Load): Promise<void>;
  /** Additional values of the release. */
  readonly values?: Values;
  /** Changes to make before the load starts. */
  prepare?(scene: Scene): Promise<void>;
  /** Undoes what the fault changed outside of the release; called in any case. */
  restore?(scene: Scene): Promise<void>;
  /** Options of the load that differ from the default. */
  readonly load?: Partial<RunOptions>;
  /** Whether clients are asked to move although no pod stops. */
  readonly movesClients?: true;
  /** Whether pods that stop have too few clients to measure how evenly they leave. */
  readonly fewClients?: true;
  /** Whether the cluster itself cannot determine which pods are ready. */
  readonly blindsCluster?: true;
  /** Additional assertions, including that clients or publishers noticed the fault if they should. */
  expect?(report: RunReport, watch: PodWatch, scene: Scene): void;
}

/** How long a plain client, which closes its socket before it opens the next one, may be without a socket, in ms. */
const PLAIN_INTERRUPTION = 1_000;

/** The maximum ratio of upgrades in 5 s to an even flow. */
const STORM = 1.5;

/** Asserts what must hold after a fault of this cost. */
export function expectSurvived(fault: Fault, report: RunReport, watch: PodWatch, scene: Scene): void {
  const { cost } = fault;
  const { verdict, burst } = report;
  const { mostGaps, reportedLost } = verdict;
  expectSound(verdict);
  if (cost === 'gap') {
    expect({ mostGaps, clientsWithGaps: verdict.clientsWithGaps }).toEqual({
      mostGaps: 1,
      clientsWithGaps: verdict.clients,
    });
  } else {
    expect({ mostGaps, reportedLost }).toEqual({ mostGaps: 0, reportedLost: 0 });
  }
  if (cost === 'nothing') expect(report.publishers.failedFirst, 'no publish has to be repeated').toEqual({});
  fault.expect?.(report, watch, scene);
  if (cost === 'reconnect') return;
  expect(verdict.interruption.library, 'clients with the library are never without a socket').toMatchObject({ max: 0 });
  expect(verdict.interruption.plain.max).toBeLessThan(PLAIN_INTERRUPTION);
  expect(verdict.refusedUpgrades, 'no upgrade is refused').toEqual({});
  if (fault.movesClients !== true && fault.fewClients !== true)
    expect(burst, 'upgrades are spread over the drain').toBeLessThanOrEqual(STORM);
  if (fault.blindsCluster === true) return;
  const unready = [...watch.lives.values()].filter(({ failures }) => failures.length > 0);
  expect(unready, 'only stopping pods fail readiness').toEqual([]);
}

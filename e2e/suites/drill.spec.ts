import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectSound } from '../checks/sound.js';
import type { Loss } from '../drill/loss.js';
import { LOSSES } from '../drill/losses.js';
import { writeTable, type Drill } from '../drill/table.js';
import type { RunReport } from '../load/run.js';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { Scene } from '../support/scene.js';

const CLIENTS = 300;
/** The number of messages to acknowledge before the loss, and after the recovery. */
const SOME = 300;
const GOES_ON_WITHIN_MS = 120_000;

describe.skipIf(process.env['E2E_DRILL'] !== '1')(`disaster recovery, with ${CLIENTS} clients`, () => {
  let namespace: Namespace;
  let scene: Scene;
  const drills: Drill[] = [];

  beforeAll(async () => {
    namespace = await Namespace.create(Cluster.connect(), 'drill');
    scene = await Scene.install(namespace);
  });
  afterAll(async () => {
    // A part of them would not be the table.
    if (drills.length === LOSSES.length) await writeTable(drills);
    await namespace?.remove();
  });
  beforeEach(() => namespace.collectOnFailure());

  async function lose(loss: Loss): Promise<Drill> {
    const load = await scene.load(CLIENTS);
    try {
      await load.begin();
      await load.goesOn(SOME);
      await loss.save?.(scene);
      const begun = Date.now();
      await loss.lose(scene);
      await loss.recover?.(scene);
      await scene.release.rolledOut();
      const readyAfter = Date.now() - begun;
      await load.goesOn(SOME, GOES_ON_WITHIN_MS);
      return { loss, readyAfter, report: await load.end([]) };
    } catch (error) {
      const folder = namespace.folder(loss.name);
      await mkdir(folder, { recursive: true });
      await load.dump(join(folder, 'journals.ndjson'));
      throw error;
    } finally {
      await load.close();
    }
  }

  it.each(LOSSES)('$name: every client is back, and no message is lost without a gap', async (loss) => {
    await scene.reset();
    const drill = await lose(loss);
    expectRecovered(drill.report, loss);
    drills.push(drill);
  });
});

function expectRecovered({ verdict }: RunReport, { gap }: Loss): void {
  expectSound(verdict);
  expect({ mostGaps: verdict.mostGaps, clientsWithGaps: verdict.clientsWithGaps }).toEqual(
    gap ? { mostGaps: 1, clientsWithGaps: CLIENTS } : { mostGaps: 0, clientsWithGaps: 0 },
  );
}

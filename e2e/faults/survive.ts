import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PodWatch } from '../support/pod-watch.js';
import type { Scene } from '../support/scene.js';
import { expectSurvived, type Fault } from './fault.js';
import { keep } from '../report/records.js';

const CLIENTS = 1_000;

/** The number of messages to acknowledge before the fault and after it. */
const SOME = 300;

/** If the load generator stalled for longer than this, in ms, its figures are not valid. */
const VALID_LOOP_DELAY = 200;
const ATTEMPTS = 3;

/**
 * Injects a fault under load and asserts its cost. A run in which the load generator itself stalled is repeated.
 *
 * @param folder for the clients' journals if the assertions fail.
 */
export async function expectToSurvive(scene: Scene, fault: Fault, folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    // Undo what the previous fault did to the release.
    await scene.reset(fault.values);
    await fault.prepare?.(scene);
    const load = await scene.load(CLIENTS, fault.load);
    const watch = await PodWatch.start(scene.release);
    try {
      await load.begin();
      await load.goesOn(SOME);
      const faultFrom = Date.now();
      await fault.inject(scene, watch, load);
      const faultTo = Date.now();
      await load.goesOn(SOME);
      const report = await load.end(scene.drains(watch));
      if (report.loopDelay <= VALID_LOOP_DELAY) {
        const second = (at: number): number => (at - report.from) / 1_000;
        await keep({ fault: fault.name, cost: fault.cost, from: second(faultFrom), to: second(faultTo), report });
        expectSurvived(fault, report, watch);
        return;
      }
      console.warn(`the load stood still for ${report.loopDelay} ms: not valid`);
      if (attempt === ATTEMPTS)
        throw new Error(`the load generator stalled for ${report.loopDelay} ms, ${ATTEMPTS} times in a row`);
    } catch (error) {
      await mkdir(folder, { recursive: true });
      await load.dump(join(folder, 'journals.ndjson'));
      throw error;
    } finally {
      watch.stop();
      await load.close();
    }
  }
}

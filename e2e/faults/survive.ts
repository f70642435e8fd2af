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
export async function expectToSurvive(scene: Scene, fault: Fault, folder: string, clients = CLIENTS): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    // Undo what the previous fault did to the release.
    await scene.reset(fault.values);
    let stall: number;
    try {
      await fault.prepare?.(scene);
      stall = await injectUnderLoad(scene, fault, folder, clients);
    } finally {
      await fault.restore?.(scene);
    }
    if (stall <= VALID_LOOP_DELAY) return;
    console.warn(`the load stood still for ${stall} ms: not valid`);
    if (attempt === ATTEMPTS) throw new Error(`the load generator stalled for ${stall} ms, ${ATTEMPTS} times in a row`);
  }
}

/** @returns the longest stall of the load generator, in ms. If it makes the run invalid, nothing has been asserted. */
async function injectUnderLoad(scene: Scene, fault: Fault, folder: string, clients: number): Promise<number> {
  const load = await scene.load(clients, fault.load);
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
      expectSurvived(fault, report, watch, scene);
    }
    return report.loopDelay;
  } catch (error) {
    await mkdir(folder, { recursive: true });
    await load.dump(join(folder, 'journals.ndjson'));
    throw error;
  } finally {
    watch.stop();
    await load.close();
  }
}

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runScenario } from '../scenario.js';
import { openClientContext } from './context.js';
import { CLIENT_SCENARIOS } from './scenarios.js';

const TESTEE = `"${process.execPath}" "${fileURLToPath(new URL('../testees/library.ts', import.meta.url))}"`;

describe('the client library', () => {
  it.concurrent.each(CLIENT_SCENARIOS)('$name', async (scenario) => {
    const { problem } = await runScenario(scenario, () => openClientContext(TESTEE));
    expect(problem).toBeUndefined();
  });
});

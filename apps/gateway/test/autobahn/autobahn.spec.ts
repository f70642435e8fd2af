import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { echoEverything } from '../support/echo.js';
import { startGateway } from '../support/gateway.js';
import { NO_LIMITS } from '../support/no-limits.js';

const run = promisify(execFile);

/** The Autobahn test suite: `pip install autobahntestsuite==0.8.2` with Python 2.7. */
const WSTEST = process.env['WSTEST'] ?? '';

/** Large enough for its largest messages, of 16 MiB, and time for its slowest cases. */
const FILE = {
  connection: { maxPayload: 16_777_216, maxBuffered: 268_435_456, authTimeout: 60 },
  limits: NO_LIMITS,
};

interface Result {
  readonly behavior: string;
  readonly behaviorClose: string;
}

/**
 * OK, or a case without a verdict. NON-STRICT, which RFC 6455 permits: invalid UTF-8 is detected at the end of a message
 * instead of within it, and a message is not echoed if an invalid frame follows at once.
 */
const GOOD = new Set(['OK', 'NON-STRICT', 'INFORMATIONAL']);

/** The cases about permessage-deflate (RFC 7692). */
const COMPRESSION = ['12.*', '13.*'];

/** They only offer compression with a window of 512 bytes, which the gateway declines (RFC 7692, section 7.1.2.1). */
const SMALL_WINDOW = /^13\.[35]\./;

it.each([
  ['RFC 6455', FILE, ['*'], COMPRESSION],
  ['RFC 7692', { ...FILE, namespaceDefaults: { compressFrom: 1 } }, COMPRESSION, []],
])(
  'promise 8: the framing passes every case of the Autobahn test suite (%s)',
  { timeout: 1_200_000 },
  async (_, file, cases, excluded) => {
    if (!existsSync(WSTEST))
      throw new Error('WSTEST must name the wstest of autobahntestsuite 0.8.2 (see docs/limits.md)');
    echoEverything();
    // A client that has not authenticated gets no welcome, which the suite would not expect.
    const { port } = await startGateway(file, { HOLDFAST_ANONYMOUS: 'false' });
    const folder = await mkdtemp(join(tmpdir(), 'autobahn-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const spec = {
      outdir: folder,
      servers: [{ agent: 'holdfast', url: `ws://127.0.0.1:${port}/ws`, options: { version: 18 } }],
      cases: process.env['AUTOBAHN_CASES']?.split(',') ?? cases,
      'exclude-cases': excluded,
      'exclude-agent-cases': {},
    };
    const specFile = join(folder, 'spec.json');
    await writeFile(specFile, JSON.stringify(spec));
    await run(WSTEST, ['-m', 'fuzzingclient', '-s', specFile], { cwd: folder, maxBuffer: 100_000_000 });
    const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as {
      holdfast: Record<string, Result>;
    };
    const results = Object.entries(index.holdfast);
    const counts = Map.groupBy(results, ([, { behavior }]) => behavior);
    console.log([...counts].map(([behavior, { length }]) => `${behavior}: ${length}`).join(', '));
    console.log([...(counts.get('NON-STRICT') ?? [])].map(([name]) => name).join(' '));
    expect(
      results.filter(([name, { behavior, behaviorClose }]) => {
        const isDeclined = behavior === 'UNIMPLEMENTED' && SMALL_WINDOW.test(name);
        return !(isDeclined || GOOD.has(behavior)) || !GOOD.has(behaviorClose);
      }),
    ).toEqual([]);
    expect(results.length).toBeGreaterThan(0);
  },
);

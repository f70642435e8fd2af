/** A requirement or recommendation for clients or gateways. */
export interface Scenario<Context> {
  readonly name: string;
  readonly level: 'must' | 'should';
  /** The heading in docs/protocol.md that requires it. */
  readonly section: string;
  /** @throws Error that says what was expected, and what happened. */
  run(context: Context): Promise<void>;
}

export interface Outcome {
  readonly scenario: Pick<Scenario<never>, 'name' | 'level' | 'section'>;
  /** Undefined if the scenario passed. */
  readonly problem: string | undefined;
}

/** Long enough for a client that waits a long time before it reconnects. */
const TIMEOUT_MS = 60_000;

/** Runs one scenario in its own context. */
export async function runScenario<Context extends AsyncDisposable>(
  scenario: Scenario<Context>,
  open: () => Promise<Context>,
): Promise<Outcome> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not done within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  try {
    await using context = await open();
    await Promise.race([scenario.run(context), late.promise]);
    return { scenario, problem: undefined };
  } catch (error) {
    // A problem of the scenario has precedence over one from closing its context.
    const problem: unknown = error instanceof SuppressedError ? error.suppressed : error;
    return { scenario, problem: problem instanceof Error ? problem.message : String(problem) };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs scenarios concurrently, because most of them wait, and yields their outcomes in order. */
export async function* runAll<Context extends AsyncDisposable>(
  scenarios: readonly Scenario<Context>[],
  open: () => Promise<Context>,
  workers: number,
): AsyncGenerator<Outcome> {
  const results = scenarios.map(() => Promise.withResolvers<Outcome>());
  const queue = scenarios.entries();
  const work = async (): Promise<void> => {
    for (const [index, scenario] of queue) results[index]?.resolve(await runScenario(scenario, open));
  };
  const working = Promise.all(Array.from({ length: workers }, work));
  for (const { promise } of results) yield await promise;
  await working;
}

/** What a client or a gateway must do, or should do. */
export interface Scenario<Context> {
  readonly name: string;
  readonly level: 'must' | 'should';
  /** The heading of docs/protocol.md that says so. */
  readonly section: string;
  /** @throws Error that says what was expected, and what was seen. */
  run(context: Context): Promise<void>;
}

export interface Outcome {
  readonly scenario: Pick<Scenario<never>, 'name' | 'level' | 'section'>;
  /** Undefined if it passed. */
  readonly problem: string | undefined;
}

/** Enough for a client that waits for long before it connects again. */
const TIMEOUT_MS = 60_000;

/** Runs one scenario in a context of its own. */
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
    // What the scenario found comes before what closing its context found.
    const problem: unknown = error instanceof SuppressedError ? error.suppressed : error;
    return { scenario, problem: problem instanceof Error ? problem.message : String(problem) };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs scenarios side by side, as most of them wait, and yields their outcomes in order. */
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

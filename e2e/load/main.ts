import { setPriority } from 'node:os';
import type { RunOptions } from './run.js';
import { Run } from './run.js';
import type { Drain } from './verdict.js';

/** What the suite may ask of this process; each is answered by {@link Answer} under its id. */
export type Command =
  | { readonly do: 'open'; readonly options: RunOptions }
  | { readonly do: 'begin' | 'acknowledged' | 'close' }
  | { readonly do: 'rest'; readonly resting: boolean }
  | { readonly do: 'end'; readonly drains: readonly Drain[] }
  | { readonly do: 'dump'; readonly path: string };

export type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string });

try {
  // What measures must not be what is slow. Only root may do this.
  setPriority(-10);
} catch {
  // The delay of the event loop, which is measured, says whether it mattered.
}

let run: Run | undefined;

async function handle(command: Command): Promise<unknown> {
  if (command.do === 'open') {
    run = new Run(command.options);
    return run.open();
  }
  if (run === undefined) throw new Error('nothing is open');
  switch (command.do) {
    case 'begin':
      return run.begin();
    case 'rest':
      return run.rest(command.resting);
    case 'acknowledged':
      return run.acknowledged;
    case 'end':
      return run.end(command.drains);
    case 'dump':
      return run.dump(command.path);
    case 'close':
      return run.close();
  }
}

process.on('message', ({ id, command }: { id: number; command: Command }) => {
  handle(command).then(
    (result) => process.send?.({ id, result } satisfies Answer),
    (error: unknown) => process.send?.({ id, error: String(error) } satisfies Answer),
  );
});
// Whoever started this is gone.
process.on('disconnect', () => process.exit(0));

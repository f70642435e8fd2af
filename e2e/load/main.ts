import { setPriority } from 'node:os';
import type { RunOptions } from './run.js';
import { Run } from './run.js';
import type { Drain } from './verdict.js';

/** The commands of the suite to this process; each is answered by an {@link Answer} with its id. */
export type Command =
  | { readonly do: 'open'; readonly options: RunOptions }
  | { readonly do: 'begin' | 'acknowledged' | 'close' }
  | { readonly do: 'rest'; readonly resting: boolean }
  | { readonly do: 'end'; readonly drains: readonly Drain[] }
  | { readonly do: 'dump'; readonly path: string };

export type Answer = { readonly id: number } & ({ readonly result: unknown } | { readonly error: string });

try {
  // The load generator must not be the slow part. Only root may raise the priority.
  setPriority(-10);
} catch {
  // The measured delay of the event loop shows whether it mattered.
}

let run: Run | undefined;

async function handle(command: Command): Promise<unknown> {
  if (command.do === 'open') {
    run = new Run(command.options);
    return run.open();
  }
  if (run === undefined) throw new Error('no run is open');
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
// The parent process has ended.
process.on('disconnect', () => process.exit(0));

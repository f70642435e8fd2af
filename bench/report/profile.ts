import type { Window } from '../load/meter.ts';

/** A CPU profile of V8: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** In µs of the system's monotonic clock. */
  readonly startTime: number;
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** The time since the previous sample in µs; for the first one, since the start. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** V8's names for time outside of JavaScript. */
const OUTSIDE: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collection',
  '(program)': 'outside of JavaScript (libuv: polling, reading)',
};

const IDLE = '(idle)';

/** Methods of a socket's handle that return after the kernel has accepted the data. */
const WRITES = /^write(v|Buffer|Utf8String|Latin1String|AsciiString)$/;

/** The owner of a file, by the first matching pattern. */
const OWNERS: readonly (readonly [file: RegExp, owner: string])[] = [
  [/node_modules\/(?:jsonwebtoken|jws|jwa)\//, 'tokens (jsonwebtoken)'],
  [/node_modules\/((?:@[^/]+\/)?[^/]+)\//, '$1'],
  [/apps\/gateway\/dist\/([^/]+)\//, 'gateway/$1'],
  [/libs\/([^/]+)\/dist\//, 'libs/$1'],
  [/^node:.*_http|^node:http/, 'Node: HTTP'],
  [/^node:(?:net|stream|internal\/(?:streams|stream_base_commons))/, 'Node: streams and sockets'],
  [/^node:/, 'Node, the rest'],
];

/**
 * The CPU time within the windows by owner of the code, as shares. Built-in functions (`JSON.parse`, a hash) count as their
 * caller's.
 */
export function shares(profiles: readonly CpuProfile[], windows: readonly Window[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const profile of profiles) {
    const owners = ownersOf(profile.nodes);
    let time = profile.startTime;
    profile.samples.forEach((node, index) => {
      const delta = profile.timeDeltas[index] ?? 0;
      time += delta;
      const owner = owners.get(node);
      if (owner === undefined || !windows.some(({ from, to }) => time >= from && time <= to)) return;
      times.set(owner, (times.get(owner) ?? 0) + delta);
    });
  }
  const all = [...times.values()].reduce((sum, value) => sum + value, 0);
  return new Map([...times].map(([owner, value]) => [owner, value / all]));
}

/** The owner of each node, except idle ones. */
function ownersOf(nodes: readonly ProfileNode[]): Map<number, string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const owners = new Map<number, string>();
  const visit = ({ id, callFrame, children }: ProfileNode, caller: string): void => {
    const owner = ownerOf(callFrame, caller);
    if (callFrame.functionName !== IDLE) owners.set(id, owner);
    for (const child of children ?? []) {
      const node = byId.get(child);
      if (node !== undefined) visit(node, owner);
    }
  };
  const [root] = nodes;
  if (root !== undefined) visit(root, OUTSIDE['(program)'] ?? '');
  return owners;
}

function ownerOf({ functionName, url }: ProfileNode['callFrame'], caller: string): string {
  if (url === '') return OUTSIDE[functionName] ?? (WRITES.test(functionName) ? 'the kernel: writing' : caller);
  for (const [file, owner] of OWNERS) {
    const found = file.exec(url);
    if (found !== null) return owner.replace('$1', found[1] ?? '');
  }
  return url;
}

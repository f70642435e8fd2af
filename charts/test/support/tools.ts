import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where what was built once stays; continuous integration may keep it from run to run. */
export const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/holdfast-tools', import.meta.url));

/** Go compiles Helm in some minutes on two cores. */
const BUILD_TIMEOUT_MS = 15 * 60_000;

interface ToolSource {
  readonly name: string;
  /** The Go package to build where there is none. */
  readonly module: string;
  readonly version: string;
  /** What its version says where it will do. */
  readonly accepts: RegExp;
  readonly versionArgument: string;
}

const TOOLS = {
  helm: {
    name: 'helm',
    module: 'helm.sh/helm/v4/cmd/helm',
    version: 'v4.3.1',
    accepts: /v4\./,
    versionArgument: 'version',
  },
  helm3: {
    name: 'helm',
    module: 'helm.sh/helm/v3/cmd/helm',
    version: 'v3.22.0',
    accepts: /v3\./,
    versionArgument: 'version',
  },
  kubeconform: {
    name: 'kubeconform',
    module: 'github.com/yannh/kubeconform/cmd/kubeconform',
    version: 'v0.8.0',
    accepts: /./,
    versionArgument: '-v',
  },
} satisfies Record<string, ToolSource>;

export type ToolName = keyof typeof TOOLS;

/** The path of a tool that runs here, or why there is none. */
export type Tool = { readonly path: string } | { readonly missing: string };

/** The tool on the PATH, else the one in the cache folder, else one that is built into it. */
export async function findTool(tool: ToolName): Promise<Tool> {
  const { name, module, version, accepts, versionArgument }: ToolSource = TOOLS[tool];
  const folder = join(CACHE, `${tool}-${version}`);
  for (const path of [...(process.env['PATH'] ?? '').split(delimiter), folder].map((entry) => join(entry, name))) {
    const told = await run(path, [versionArgument]).catch(() => undefined);
    if (told !== undefined && accepts.test(told.stdout)) return { path };
  }
  await mkdir(folder, { recursive: true });
  try {
    await run('go', ['install', '-trimpath', '-ldflags', '-s -w', `${module}@${version}`], {
      env: { ...process.env, GOBIN: folder, GOFLAGS: '-buildvcs=false' },
      timeout: BUILD_TIMEOUT_MS,
    });
  } catch (error) {
    const reason =
      'code' in (error as object) && (error as { code: unknown }).code === 'ENOENT'
        ? 'there is no Go to build it'
        : 'building it failed';
    return { missing: `no ${name} ${version} on the PATH, and ${reason}` };
  }
  return { path: join(folder, name) };
}

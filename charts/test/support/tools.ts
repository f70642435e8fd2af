import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The cache of built tools; continuous integration may keep it between runs. */
export const CACHE = fileURLToPath(new URL('../../../.cache/tools', import.meta.url));

/** Go compiles Helm in some minutes on two cores. */
const BUILD_TIMEOUT_MS = 15 * 60_000;

interface ToolSource {
  readonly name: string;
  /** The Go package to build if the tool is missing. */
  readonly module: string;
  readonly version: string;
  /** Matches the output of its version command if the version is suitable. */
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

/** The path of a tool, or the reason why it is missing. */
export type Tool = { readonly path: string } | { readonly missing: string };

/** Finds the tool on the PATH or in the cache, or builds it. */
export async function findTool(tool: ToolName): Promise<Tool> {
  const { name, module, version, accepts, versionArgument }: ToolSource = TOOLS[tool];
  const folder = join(CACHE, `${tool}-${version}`);
  for (const path of [...(process.env['PATH'] ?? '').split(delimiter), folder].map((entry) => join(entry, name))) {
    const output = await run(path, [versionArgument]).catch(() => undefined);
    if (output !== undefined && accepts.test(output.stdout)) return { path };
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
        ? 'Go is missing, which would build it'
        : 'building it failed';
    return { missing: `no ${name} ${version} on the PATH, and ${reason}` };
  }
  return { path: join(folder, name) };
}

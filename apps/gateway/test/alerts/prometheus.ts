import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Group } from '../../../../charts/test/support/promtool-tests.ts';
import { eventually } from '../../../../libs/broadcast/src/testing/eventually.js';
import { freePort } from '../../../../libs/broadcast/test/support/free-port.js';

const SCRIPT = fileURLToPath(new URL('../../../../e2e/prometheus/prometheus.sh', import.meta.url));

/** Kills the server if this process ends without doing so: then its standard input ends. */
const WATCH = 'read -r _; kill -9 "$1"; rm -rf "$2"';

/** Where a pod serves its metrics, and the labels that the Prometheus Operator would add. */
export interface Target {
  readonly port: number;
  readonly namespace: string;
  readonly pod: string;
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds since the Unix epoch, and the values. */
  readonly values: readonly (readonly [number, string])[];
}

interface PrometheusOptions {
  /** The rules of each namespace. */
  readonly rules: Readonly<Record<string, readonly Group[]>>;
  readonly targets: readonly Target[];
  /** s for which the latest sample of a series counts. */
  readonly lookback: number;
}

/** A Prometheus process on 127.0.0.1 that scrapes each second. The first run builds it, which takes minutes. */
export class Prometheus {
  private constructor(
    private readonly url: string,
    private readonly child: ChildProcess,
    private readonly directory: string,
  ) {}

  static async start({ rules, targets, lookback }: PrometheusOptions): Promise<Prometheus> {
    const program = execFileSync('bash', [SCRIPT], { encoding: 'utf8' }).trim();
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-prometheus-'));
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: ['rules-*.yml'],
      scrape_configs: [
        {
          job_name: 'gateway',
          static_configs: targets.map(({ port, namespace, pod }) => ({
            targets: [`127.0.0.1:${port}`],
            labels: { namespace, pod },
          })),
        },
      ],
    };
    await writeFile(join(directory, 'prometheus.yml'), stringify(config));
    for (const [namespace, groups] of Object.entries(rules)) {
      await writeFile(
        join(directory, `rules-${namespace}.yml`),
        stringify({ groups }, { aliasDuplicateObjects: false }),
      );
    }
    const port = await freePort();
    const child = spawn(
      program,
      [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        `--query.lookback-delta=${lookback}s`,
        '--log.level=error',
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    // Detached: a signal that ends this process may be sent to its whole group.
    const watcher = spawn('sh', ['-c', WATCH, 'watch', `${child.pid}`, directory], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    child.once('exit', () => watcher.kill());
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child, directory);
    try {
      await eventually(async () => {
        if (child.exitCode !== null) return;
        const { ok } = await fetch(`${prometheus.url}/-/ready`);
        if (!ok) throw new Error('Prometheus is not ready');
      }, 60_000);
      if (child.exitCode !== null) throw new Error('Prometheus ended: its output has the reason');
    } catch (error) {
      await prometheus.close();
      throw error;
    }
    return prometheus;
  }

  /** The labels of the alerts of a namespace that are pending or fire. */
  async alerts(namespace: string): Promise<{ state: string; labels: Record<string, string> }[]> {
    const { alerts } = await this.#get<{ alerts: { state: string; labels: Record<string, string> }[] }>('alerts');
    return alerts.filter(({ labels }) => labels['namespace'] === namespace);
  }

  /** @param from @param to ms since the Unix epoch. @param step s */
  async range(query: string, from: number, to: number, step: number): Promise<Series[]> {
    const parameters = { query, start: String(from / 1_000), end: String(to / 1_000), step: String(step) };
    const { result } = await this.#get<{ result: Series[] }>(`query_range?${new URLSearchParams(parameters)}`);
    return result;
  }

  async #get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}`);
    const { data, error } = (await answer.json()) as { data: T; error?: string };
    if (error !== undefined) throw new Error(`Prometheus: ${error}`);
    return data;
  }

  async close(): Promise<void> {
    if (this.child.exitCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}

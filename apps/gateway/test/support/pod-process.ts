import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JWTPayload } from 'jose';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { runGatewayProcess, startGatewayProcess, type GatewayProcess } from './gateway-process.js';
import { API_KEY } from './gateway.js';
import { TestClient } from './test-client.js';
import { signToken } from './tokens.js';

/** A gateway process, and its API. */
export class PodProcess {
  private constructor(readonly process: GatewayProcess) {}

  /** Starts a pod and waits until it is ready. */
  static async start(brokerUrl: string | undefined, node: string, env: NodeJS.ProcessEnv = {}): Promise<PodProcess> {
    return new PodProcess(await startGatewayProcess(environment(brokerUrl, node, env)));
  }

  /** Starts a pod that cannot become ready yet. */
  static async run(brokerUrl: string, node: string, env: NodeJS.ProcessEnv = {}): Promise<PodProcess> {
    return new PodProcess(await runGatewayProcess(environment(brokerUrl, node, env)));
  }

  get webSocketUrl(): string {
    return `ws://127.0.0.1:${this.process.port}/ws`;
  }

  /** @param claims of a token; anonymous without them. */
  async connect(claims?: JWTPayload, session?: string): Promise<TestClient> {
    const query = new URLSearchParams({
      ...(claims && { access_token: await signToken(claims) }),
      ...(session && { session }),
    });
    const client = await TestClient.connect(`${this.webSocketUrl}?${query}`, ['holdfast.v1.json']);
    onTestFinished(() => client.webSocket.terminate());
    return client;
  }

  /** Calls the HTTP API: with a POST if there is a body. */
  async api(path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await fetch(`${this.process.url}/api/${path}`, {
      headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  async health(check: 'live' | 'ready'): Promise<{ status: number; broker: Record<string, unknown> | undefined }> {
    const answer = await fetch(`${this.process.url}/health/${check}`);
    const { details } = (await answer.json()) as { details?: Record<string, Record<string, unknown>> };
    return { status: answer.status, broker: details?.['broker'] };
  }
}

/** One pod per name, on one broker. */
export async function startPods<const Nodes extends readonly string[]>(
  brokerUrl: string,
  nodes: Nodes,
  env: NodeJS.ProcessEnv = {},
): Promise<{ [Index in keyof Nodes]: PodProcess }> {
  const pods = await Promise.all(nodes.map(async (node) => PodProcess.start(brokerUrl, node, env)));
  return pods as { [Index in keyof Nodes]: PodProcess };
}

/** Writes a configuration file. @returns its path */
export async function configFile(content: object): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-config-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'holdfast.yaml');
  await writeFile(path, stringify(content));
  return path;
}

function environment(brokerUrl: string | undefined, node: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { HOLDFAST_BROKER: brokerUrl, HOLDFAST_NODE: node, HOLDFAST_DEMO: 'false', ...env };
}

import type { TestGateway } from './gateway.js';

/** The value of one line of /metrics, `name{label="value"}`; undefined where there is none. */
export async function metric({ managementUrl }: TestGateway, line: string): Promise<number | undefined> {
  const text = await (await fetch(`${managementUrl}/metrics`)).text();
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length));
}

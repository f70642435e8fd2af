import type { IncomingMessage } from 'node:http';

/** Node keeps the first of these. A proxy in front of us may have used the last (RFC 9110, section 5.3). */
const SINGLETONS: ReadonlySet<string> = new Set(['host', 'authorization', 'content-type']);

/** How others may have understood a request differently that Node's parser accepted; undefined if they cannot. */
export function smugglingRiskOf({ httpVersionMajor, httpVersion, rawHeaders }: IncomingMessage): string | undefined {
  if (httpVersionMajor !== 1) return 'expected HTTP/1.1';
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!SINGLETONS.has(name)) continue;
    if (seen.has(name)) return `expected one ${name} header`;
    seen.add(name);
  }
  return httpVersion === '1.1' && !seen.has('host') ? 'expected a host header' : undefined;
}

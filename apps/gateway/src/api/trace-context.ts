import type { FastifyRequest } from 'fastify';

/** The W3C trace context that a request belongs to, if it has one. It has not been validated. */
export function traceparentOf({ headers }: FastifyRequest): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' ? traceparent : undefined;
}

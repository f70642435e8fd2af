import { ERRORS, errorData } from '@holdfast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { smugglingRiskOf } from './request-smuggling.js';

/**
 * Fastify's `frameworkErrors`: answers a request target that the router cannot parse. There is no route for it, and so
 * no exception filter. Fastify's own answer would quote it.
 *
 * @param headers of every answer.
 */
export function refuseRequestTarget(headers: Readonly<Record<string, string>>) {
  return (_error: Error, _request: FastifyRequest, reply: FastifyReply): void => {
    // No hook has run.
    refuse(reply.headers(headers), 'the request target is not valid');
  };
}

/** A Fastify `onRequest` hook: refuses requests that a proxy in front of us may have understood differently. */
export function refuseSmuggling({ raw }: FastifyRequest, reply: FastifyReply, next: () => void): void {
  const risk = smugglingRiskOf(raw);
  if (risk === undefined) next();
  else refuse(reply.header('Connection', 'close'), risk);
}

function refuse(reply: FastifyReply, detail: string): void {
  reply.code(ERRORS.invalid.status).header('Cache-Control', 'no-store').send(errorData('invalid', detail));
}

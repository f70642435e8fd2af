import { ERRORS, errorData } from '@holdfast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Fastify's `frameworkErrors`: answers a request target that the router cannot read, where there is no route and so no
 * exception filter. Fastify's own answer would quote it.
 */
export function refuseRequestTarget(_error: Error, _request: FastifyRequest, reply: FastifyReply): void {
  void reply
    .code(ERRORS.invalid.status)
    .header('Cache-Control', 'no-store')
    .send(errorData('invalid', 'the request target'));
}

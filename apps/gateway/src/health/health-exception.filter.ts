import { Catch, ServiceUnavailableException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

/** Keeps the report of a failed check as it is. All other errors take the form of the catalogue. */
@Catch(ServiceUnavailableException)
export class HealthExceptionFilter implements ExceptionFilter<ServiceUnavailableException> {
  async catch(exception: ServiceUnavailableException, host: ArgumentsHost): Promise<void> {
    await host.switchToHttp().getResponse<FastifyReply>().status(exception.getStatus()).send(exception.getResponse());
  }
}

import type * as Amqp from 'amqplib';
import { LogRefusedError } from '../log/log-adapter.js';
import { isMissingPackage } from '../missing-package.js';

/** The AMQP 0.9.1 client. It is loaded only if a URL asks for RabbitMQ. */
export type AmqpLibrary = Pick<typeof Amqp, 'connect' | 'credentials'>;

/** @throws LogRefusedError if its package is not installed. */
export async function loadLibrary(): Promise<AmqpLibrary> {
  try {
    return await import('amqplib');
  } catch (error) {
    if (!isMissingPackage(error)) throw error;
    throw new LogRefusedError('install the package amqplib for a RabbitMQ broker', { cause: error });
  }
}

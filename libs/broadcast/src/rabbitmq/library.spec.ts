import { registerHooks } from 'node:module';
import { expect, it } from 'vitest';
import { LogRefusedError } from '../log/log-adapter.js';
import { loadLibrary } from './library.js';

it('a missing package is refused with the name of the package, and nothing else needs it', async () => {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (!specifier.includes('amqplib')) return next(specifier, context);
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
  try {
    await expect(loadLibrary()).rejects.toThrow(
      new LogRefusedError('install the package amqplib for a RabbitMQ broker'),
    );
  } finally {
    hooks.deregister();
  }
});

import { registerHooks } from 'node:module';
import { expect, it } from 'vitest';
import { LogRefusedError } from '../log/log-adapter.js';
import { loadLibrary } from './library.js';

it('missing packages are refused with their names, and nothing else needs them', async () => {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (!specifier.includes('@google-cloud/pubsub')) return next(specifier, context);
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    },
  });
  try {
    await expect(loadLibrary()).rejects.toThrow(
      new LogRefusedError('install the packages @google-cloud/pubsub and google-gax for a Google Pub/Sub broker'),
    );
  } finally {
    hooks.deregister();
  }
});

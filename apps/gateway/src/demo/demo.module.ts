import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic, { type FastifyStaticOptions } from '@fastify/static';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { DemoController } from './demo.controller.js';

/** Serves the chat page at `/`. Only if the configuration enables it, since it gives a token to everybody. */
@Module({ controllers: [DemoController] })
export class DemoModule implements OnModuleInit {
  constructor(@Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost<FastifyAdapter>) {}

  onModuleInit(): void {
    const root = fileURLToPath(new URL('dist', import.meta.resolve('@holdfast/chat/package.json')));
    if (!existsSync(root))
      throw new Error('the chat page is not built: run "npm run build", or set HOLDFAST_DEMO=false');
    const fastify = this.adapterHost.httpAdapter.getInstance();
    const options: FastifyStaticOptions = {
      root,
      // The files are known at startup, so that every other path gets an error of the catalogue.
      wildcard: false,
      index: ['index.html'],
      // Names of assets contain a hash of their content. The page itself must be revalidated each time.
      setHeaders: (response, path) => {
        const isAsset = path.startsWith(join(root, 'assets', sep));
        response.header('Cache-Control', isAsset ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    };
    // Waiting for it would start Fastify before Nest has set the error handler. Nest waits for it later.
    fastify.register(fastifyStatic, options).after((error) => {
      if (error) throw error;
    });
  }
}

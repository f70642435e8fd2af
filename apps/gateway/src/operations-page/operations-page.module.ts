import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { HttpModule } from '../http/http.module.js';
import type { ManagementAnswer } from '../http/management-routes.js';
import { ManagementServer } from '../http/management-server.js';
import { securityHeaders } from '../http/security-headers.js';
import { readPageFiles } from './page-files.js';

const PATH = '/operations';

/** What is wrong with the configuration if the page is on. */
export function operationsPageProblems({ operationsPage, adminKeys }: Config): string[] {
  if (!operationsPage || adminKeys.current.length > 0) return [];
  return ['operationsPage: expected a key in HOLDFAST_ADMIN_KEYS or HOLDFAST_ADMIN_KEYS_FILE, which opens the page'];
}

/**
 * Serves the operations page on the management port. The page itself contains nothing secret: it asks the admin API with the key
 * that is typed into it. It is off, like that API, while there is no key.
 */
@Module({ imports: [HttpModule] })
export class OperationsPageModule implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(ManagementServer) private readonly server: ManagementServer,
  ) {}

  onModuleInit(): void {
    const security = securityHeaders();
    this.serve(PATH, {
      type: 'text/plain; charset=utf-8',
      body: '',
      status: 308,
      // Relative, for proxies that add a prefix.
      headers: { Location: 'operations/' },
    });
    for (const { path, type, body, isAsset } of readPageFiles()) {
      const caching = isAsset ? 'public, max-age=31536000, immutable' : 'no-cache';
      this.serve(`${PATH}/${path}`, { type, body, headers: { ...security, 'Cache-Control': caching } });
    }
  }

  private serve(path: string, answer: ManagementAnswer): void {
    const isOn = (): boolean => this.config.adminKeys.current.length > 0;
    this.server.add({ method: 'GET', path, isOn, answer: async () => answer });
  }
}

import type { PinoLogger } from 'nestjs-pino';

/** How many origins are logged. A client that is not a browser may send any. */
const MAX_ORIGINS = 100;
const MAX_LENGTH = 200;

/** Logs each refused origin once. */
export class RefusedOrigins {
  private readonly logged = new Set<string>();

  constructor(private readonly logger: PinoLogger) {}

  refused(origin: string): void {
    const shown = origin.slice(0, MAX_LENGTH);
    if (this.logged.size >= MAX_ORIGINS || this.logged.has(shown)) return;
    this.logged.add(shown);
    this.logger.warn(
      { origin: shown },
      'refused a page of another origin: if it is yours, add its origin to HOLDFAST_ALLOWED_ORIGINS',
    );
    if (this.logged.size === MAX_ORIGINS) this.logger.warn('further refused origins are not logged');
  }
}

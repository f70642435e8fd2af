/** The configuration is not valid. The gateway prints `problems` and exits with {@link EX_CONFIG}. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  /** @param problems each names a variable or a path and the expected value, never the actual one. */
  constructor(readonly problems: readonly string[]) {
    super(['the configuration is not valid:', ...problems].join('\n  '));
  }
}

/** The exit code for a configuration error (sysexits.h). */
export const EX_CONFIG = 78;

export { ConfigError, EX_CONFIG } from './config-error.js';
export { CONFIG, ConfigModule } from './config.module.js';
export { verifiesTokens } from './jwt.js';
export { loadConfig, type Config } from './load-config.js';
export { compressesAnything, MAX_COMPRESSED, namespaceOptions, type NamespaceOptions } from './namespaces.js';
export type { Reloadable } from './reloadable.js';
export type { AuthorizedAction, EventType } from './webhooks.js';
export { tellsUsersApart } from './tells-users-apart.js';
export { watchSecrets, type SecretChange } from './watch-secrets.js';

/** The parser of the configuration, for the `holdfast` command: without Nest, which takes long to load. */
export { ConfigError } from './config-error.js';
export { loadConfig } from './load-config.js';

import type { BrokerUrlParameters } from '../broker-url.js';

/** s */
const DEFAULT = 900;
const MIN = 60;
const MAX = 86_400;

/**
 * The parameter `window` of a broker on a log, which is given in seconds.
 *
 * @returns ms for which history and idempotency keys are kept at most.
 * @throws BrokerUrlError
 */
export function windowOf(parameters: BrokerUrlParameters): number {
  return parameters.integer('window', DEFAULT, { min: MIN, max: MAX }) * 1_000;
}

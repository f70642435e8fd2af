/** A kind of value, and how to recognize it. */
export interface Kind {
  readonly is: string;
  readonly test: (value: unknown) => boolean;
}

const typed = (type: string, is: string): Kind => ({ is, test: (value) => typeof value === type });

export const FUNCTION = typed('function', 'a function');
export const BOOLEAN = typed('boolean', 'true or false');
export const DURATION: Kind = { is: 'a positive number of ms', test: (value) => isNumber(value) && value > 0 };
export const COUNT: Kind = {
  is: 'a positive integer',
  test: (value) => isNumber(value) && value >= 1 && value % 1 === 0,
};
export const KEY: Kind = {
  is: 'a string of 1 to 64 characters',
  test: (value) => typeof value === 'string' && value !== '' && value.length <= 64,
};
export const TRACEPARENT: Kind = {
  is: 'a W3C trace context, such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  test: (value) => typeof value === 'string' && /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(value),
};
export const POSITION: Kind = {
  is: 'a position { epoch, offset }',
  test: (value) => isRecord(value) && typeof value['epoch'] === 'string' && isNumber(value['offset']),
};
export const ANY: Kind = { is: '', test: () => true };

/**
 * Checks options that an application passes.
 *
 * @param what names them in errors.
 * @param mayHaveData whether other members are permitted that are no functions.
 * @throws TypeError for an unknown name, and a value of the wrong kind. `undefined` is the same as absent.
 */
export function checkOptions(
  what: string,
  options: unknown,
  kinds: Readonly<Record<string, Kind>>,
  mayHaveData = false,
): void {
  if (!isRecord(options)) throw new TypeError(`${what} must be an object`);
  for (const name of Object.keys(options)) {
    const kind = Object.entries(kinds).find(([known]) => known === name)?.[1];
    if (kind === undefined && mayHaveData && !FUNCTION.test(options[name])) continue;
    if (kind === undefined)
      throw new TypeError(`${what}: unknown name "${name}", expected ${Object.keys(kinds).join(', ')}`);
    if (options[name] !== undefined && !kind.test(options[name]))
      throw new TypeError(`${what}.${name} must be ${kind.is}`);
  }
}

/** @throws TypeError if the value is not a channel's name. */
export function checkChannel(channel: unknown): void {
  if (typeof channel !== 'string' || channel === '') throw new TypeError('the channel must be a string');
}

/** @throws TypeError if the value is not the name of an event, or is one of the protocol's. */
export function checkCall(event: unknown): void {
  if (typeof event !== 'string' || /^(connect|(un)?subscribe|publish|presence|history|refresh|ping|)$/.test(event))
    throw new TypeError('the event must be a name of your own');
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

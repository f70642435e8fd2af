/** The depth that the gateway accepts. */
const MAX_DEPTH = 128;

/**
 * Encodes data that JSON does not change.
 *
 * @throws TypeError that names the member that JSON would drop or change.
 */
export function encode(data: unknown): string {
  check(data, 'data', 0);
  return JSON.stringify(data);
}

function check(value: unknown, path: string, depth: number): void {
  const refuse = (what: string): never => {
    throw new TypeError(`${path} is ${what}, which JSON cannot represent`);
  };
  if (depth > MAX_DEPTH) refuse(`nested deeper than ${MAX_DEPTH} levels`);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) refuse(`${value}`);
      return;
    case 'object':
      break;
    default:
      refuse(typeof value);
  }
  if (value === null) return;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) check(value[index], `${path}[${index}]`, depth + 1);
    return;
  }
  const object = value as object;
  const prototype: unknown = Object.getPrototypeOf(object);
  // Of any realm: the prototype of a plain object has none itself.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse(`an instance of ${object.constructor.name}`);
  }
  for (const [name, member] of Object.entries(object)) check(member, `${path}.${name}`, depth + 1);
}

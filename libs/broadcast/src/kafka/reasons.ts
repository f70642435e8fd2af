/** Fields of errors of the library, of Node, and of those that are in them. */
interface Detail {
  readonly message?: unknown;
  readonly serverErrorMessage?: unknown;
  readonly errors?: unknown;
  readonly cause?: unknown;
}

/** More than any library nests. */
const MAX_DEPTH = 5;

/** What was wrong, according to the innermost error: the library wraps the server's own words several times. */
export function reasonOf(error: unknown): string {
  let text = 'the request failed';
  let current: unknown = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof current === 'object' && current !== null; depth += 1) {
    const { message, serverErrorMessage, errors, cause }: Detail = current;
    const own = typeof serverErrorMessage === 'string' && serverErrorMessage !== '' ? serverErrorMessage : message;
    if (typeof own === 'string' && own !== '') text = own;
    current = (Array.isArray(errors) ? (errors[0] as unknown) : undefined) ?? cause;
  }
  return text.replace(/\.$/, '');
}

import { ERRORS, type CloseName, type ErrorCode } from '@holdfast/protocol';

/** How a refusal is told to a client of a browser, which cannot read the HTTP answer; undefined where it is not. */
export function toldByClose(code: ErrorCode): CloseName | undefined {
  if (code === 'authorization_unavailable') return 'overloaded';
  switch (ERRORS[code].status) {
    case 401:
      return 'unauthorized';
    case 403:
      return 'forbidden';
    case 429:
      return 'overloaded';
    default:
      return undefined;
  }
}

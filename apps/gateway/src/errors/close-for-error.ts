import { ERRORS, type CloseName, type ErrorCode } from '@holdfast/protocol';

/**
 * The close code for a refusal. Browsers hide the HTTP answer to an upgrade, so these refusals are sent as a close
 * frame; undefined for all others.
 */
export function closeForError(code: ErrorCode): CloseName | undefined {
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

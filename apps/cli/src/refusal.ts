import { EXIT, Failure } from './failure.js';

const NEW_TOKEN = 'set a valid token in HOLDFAST_CLI_TOKEN or with --token-file (see holdfast token --help)';
const OTHER_TOKEN = 'use a token that permits it (see holdfast token --help)';

/** Advice that the gateway's own message does not contain, by error code or close code. */
const ADVICE: Readonly<Record<string, string>> = {
  unauthorized: NEW_TOKEN,
  4001: NEW_TOKEN,
  forbidden: OTHER_TOKEN,
  4003: OTHER_TOKEN,
};

/** A failure because the gateway refused a request or the connection. */
export function refusal(what: string, { code, message }: { code: string | number; message: string }): Failure {
  const advice = ADVICE[code];
  return new Failure(EXIT.failed, `${what}: ${message} (${code})${advice === undefined ? '' : `: ${advice}`}`);
}

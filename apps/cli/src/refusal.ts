import { EXIT, Failure } from './failure.js';

const NEW_TOKEN = 'give a valid token in HOLDFAST_CLI_TOKEN or with --token-file (see holdfast token --help)';
const OTHER_TOKEN = 'give a token that permits it (see holdfast token --help)';

/** What to do, where the gateway's own message does not say it: by the code of an error or of a close. */
const ADVICE: Readonly<Record<string, string>> = {
  unauthorized: NEW_TOKEN,
  4001: NEW_TOKEN,
  forbidden: OTHER_TOKEN,
  4003: OTHER_TOKEN,
};

/** The gateway said no: to a request, or to the connection. */
export function refusal(what: string, { code, message }: { code: string | number; message: string }): Failure {
  const advice = ADVICE[code];
  return new Failure(EXIT.failed, `${what}: ${message} (${code})${advice === undefined ? '' : `: ${advice}`}`);
}

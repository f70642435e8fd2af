import { LogRefusedError, LogUnavailableError } from '../log/log-adapter.js';

/** Reply codes of AMQP 0.9.1: https://www.rabbitmq.com/amqp-0-9-1-reference#constants */
export const ReplyCode = {
  accessRefused: 403,
  notFound: 404,
  preconditionFailed: 406,
} as const;

/** The code of an error: a number if the server closed the channel or the connection, a name for a network error. */
export function codeOf(error: unknown): number | string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'number' || typeof code === 'string' ? code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the call failed';
}

/** What the server wrote as the reason why it closed the channel: names queues, users and virtual hosts, and no secret. */
function replyText(error: unknown): string {
  return /with message "[A-Z_]+ - ([^"]*)"/.exec(messageOf(error))?.[1] ?? messageOf(error);
}

/** The error of the log's interface for a failed call that changes nothing, or that may be repeated. */
export function unavailable(error: unknown): LogUnavailableError {
  if (error instanceof LogUnavailableError) return error;
  const text = replyText(error);
  if (codeOf(error) === ReplyCode.accessRefused) {
    return new LogRefusedError(`${text}: grant the user the rights to configure, write and read the queues`, {
      cause: error,
    });
  }
  return new LogUnavailableError(text, { cause: error });
}

/** The error for a connection that could not be opened. The message has no address, user or name of a certificate. */
export function connectionError(error: unknown): LogUnavailableError {
  if (error instanceof LogUnavailableError) return error;
  const message = messageOf(error);
  // The library reports what happens before a connection is open only in words.
  if (message.includes('ACCESS-REFUSED')) {
    return new LogRefusedError('the server refuses the credentials: check those in the URL', { cause: error });
  }
  if (message.startsWith('Expected ConnectionOpenOk')) {
    return new LogRefusedError(
      'the server refuses the virtual host: check that it exists and that the user has access',
      {
        cause: error,
      },
    );
  }
  if (message.startsWith('SASL mechanism')) {
    const what = message.includes('EXTERNAL') ? 'EXTERNAL: enable rabbitmq_auth_mechanism_ssl there' : 'PLAIN';
    return new LogRefusedError(`the server does not offer the authentication mechanism ${what}`, { cause: error });
  }
  const code = codeOf(error);
  if (typeof code === 'string') return new LogUnavailableError(code, { cause: error });
  return new LogUnavailableError('the server does not speak AMQP 0.9.1, or closed the connection', { cause: error });
}

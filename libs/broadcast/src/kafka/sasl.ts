import type { SASLOptions } from '@platformatic/kafka';
import type { KafkaLibrary } from './library.js';
import type { SaslCredentials } from './url.js';

type Authenticator = NonNullable<SASLOptions['authenticate']>;
type SaslAuthenticate = Parameters<Authenticator>[2];
type Callback = Parameters<Authenticator>[6];

/**
 * The library's SASL exchange, made safe:
 *
 * - It would authenticate again on the same connection when the session is about to end, with the credentials of its start.
 *   Instead, `onSession` gets the lifetime in ms, 0 for unlimited, and the connection is replaced in time.
 * - It throws out of the socket's event if a SCRAM message is malformed, which would end the process.
 * - It takes the refusal of a token for success: RFC 7628, section 3.2.2, reports it in a regular message.
 */
export function saslOptions(
  library: KafkaLibrary,
  credentials: SaslCredentials,
  onSession: (lifetime: number) => void,
): SASLOptions {
  return {
    mechanism: credentials.mechanism,
    authenticate: (_mechanism, connection, authenticate, _username, _password, _token, callback) => {
      const done: Callback = (error, response) => {
        if (error || response === undefined) {
          callback(error ?? new Error('the server did not answer'));
          return;
        }
        const refusal = credentials.mechanism === 'OAUTHBEARER' ? tokenRefusal(response.authBytes) : undefined;
        if (refusal !== undefined) {
          callback(new library.AuthenticationError(refusal));
          return;
        }
        onSession(Number(response.sessionLifetimeMs));
        callback(null, { ...response, sessionLifetimeMs: 0n });
      };
      exchange(library, credentials, connection, guarded(authenticate, done), done);
    },
  };
}

function exchange(
  { saslPlain, saslScramSha, saslOAuthBearer }: KafkaLibrary,
  credentials: SaslCredentials,
  connection: Parameters<Authenticator>[1],
  authenticate: SaslAuthenticate,
  done: Callback,
): void {
  switch (credentials.mechanism) {
    case 'OAUTHBEARER':
      saslOAuthBearer.authenticate(authenticate, connection, credentials.token, {}, done);
      return;
    case 'PLAIN':
      saslPlain.authenticate(authenticate, connection, credentials.username, credentials.password, done);
      return;
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512': {
      const { mechanism, username, password } = credentials;
      const algorithm = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512';
      const { defaultCrypto } = saslScramSha;
      saslScramSha.authenticate(authenticate, connection, algorithm, username, password, defaultCrypto, done);
    }
  }
}

/** Errors that are thrown while an answer is handled end the exchange. */
function guarded(authenticate: SaslAuthenticate, done: Callback): SaslAuthenticate {
  const safe = (connection: Parameters<Authenticator>[1], bytes: Buffer, callback: Callback): void => {
    authenticate(connection, bytes, (error, response) => {
      try {
        callback(error, response);
      } catch {
        done(new Error('the server sent a malformed SASL message'));
      }
    });
  };
  return Object.assign(safe, authenticate);
}

function tokenRefusal(answer: Buffer): string | undefined {
  if (answer.length === 0) return undefined;
  try {
    const { status } = JSON.parse(answer.toString()) as { status?: unknown };
    return `the server refused the token: ${typeof status === 'string' ? status : 'no reason given'}`;
  } catch {
    return 'the server refused the token';
  }
}

import { STATUS_CODES } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RETRY_AFTER_S, ERRORS, errorData, type ErrorCode } from '@holdfast/protocol';

/** How long a client may take to read the refusal, in ms. */
const READ_WITHIN_MS = 5_000;

/**
 * Answers with an HTTP error (RFC 9110, section 15) and a JSON body where there is no response object (an upgrade, or
 * bytes that are not HTTP), and closes the connection.
 */
export function refuseOnSocket(socket: Duplex, code: ErrorCode, detail?: string): void {
  const { status, retryable } = ERRORS[code];
  const body = JSON.stringify(errorData(code, detail));
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    status === 426 ? 'Connection: close, Upgrade' : 'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    "Content-Security-Policy: default-src 'none'",
    'X-Content-Type-Options: nosniff',
    ...(status === 426 ? ['Upgrade: websocket', 'Sec-WebSocket-Version: 13'] : []),
    ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
    ...(retryable ? [`Retry-After: ${RETRY_AFTER_S}`] : []),
  ];
  // It is not our error if a client resets the connection.
  socket.on('error', () => socket.destroy());
  if (socket instanceof Socket) socket.setTimeout(READ_WITHIN_MS, () => socket.destroy());
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

import { constants, inflateRawSync } from 'node:zlib';
import type { Dialect } from './dialect.ts';

/** Without context takeover, so that the load generator needs no inflater for each client. */
const OFFER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

/** The end of every message, which is not sent (RFC 7692, section 7.2.1). */
const FLUSH_END = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** The same protocol, by clients that offer permessage-deflate. */
export function offeringCompression(dialect: Dialect): Dialect {
  return {
    ...dialect,
    upgrade(token) {
      const { target, headers = {} } = dialect.upgrade(token);
      return { target, headers: { ...headers, 'Sec-WebSocket-Extensions': OFFER } };
    },
  };
}

/** The content of a compressed message. */
export function inflated(data: Buffer): Buffer {
  return inflateRawSync(Buffer.concat([data, FLUSH_END]), { finishFlush: constants.Z_SYNC_FLUSH });
}

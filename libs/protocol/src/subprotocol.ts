/** The WebSocket subprotocol (RFC 6455, section 1.9) of this package. Also used for clients that offer none. */
export const SUBPROTOCOL = 'holdfast.v1.json';

/** A browser may send its token as a second subprotocol, `bearer.TOKEN`; only {@link SUBPROTOCOL} is echoed. */
export const BEARER_SUBPROTOCOL_PREFIX = 'bearer.';

/** A reconnecting client presents its session as another subprotocol, `session.SECRET`, which is not echoed either. */
export const SESSION_SUBPROTOCOL_PREFIX = 'session.';

/**
 * A client offers it if its token does not fit into a subprotocol: the token follows in `connect`, and until then the
 * client is nobody, even if anonymous access is enabled. Not echoed.
 */
export const CONNECT_SUBPROTOCOL = 'connect';

/** The WebSocket subprotocol (RFC 6455, section 1.9) that this package describes; a client that names none gets it too. */
export const SUBPROTOCOL = 'holdfast.v1.json';

/** A browser may carry its token as a second subprotocol, `bearer.TOKEN`; only {@link SUBPROTOCOL} is echoed. */
export const BEARER_SUBPROTOCOL_PREFIX = 'bearer.';

/** A client that comes back presents its session as another subprotocol, `session.SECRET`, which is not echoed either. */
export const SESSION_SUBPROTOCOL_PREFIX = 'session.';

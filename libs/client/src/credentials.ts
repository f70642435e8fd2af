import {
  BEARER_SUBPROTOCOL_PREFIX,
  CONNECT_SUBPROTOCOL,
  SESSION_SUBPROTOCOL_PREFIX,
  SUBPROTOCOL,
  type ConnectRequest,
} from '@holdfast/protocol';
import { fitsSubprotocol } from './token.js';

export interface Credentials {
  readonly protocols: string[];
  /** What to send as soon as the socket is open, if the token does not fit into a subprotocol. */
  readonly connect: ConnectRequest | undefined;
}

/**
 * What a connection begins with. With its session a client keeps its id, its presence and the keys of its publishes.
 * Neither is in the URL, because proxies log it.
 */
export function credentials(token: string | undefined, session: string | undefined): Credentials {
  const protocols: string[] = [SUBPROTOCOL];
  let connect;
  if (token !== undefined) {
    if (fitsSubprotocol(token)) protocols.push(BEARER_SUBPROTOCOL_PREFIX + token);
    else {
      protocols.push(CONNECT_SUBPROTOCOL);
      connect = { token, session };
    }
  }
  if (session !== undefined) protocols.push(SESSION_SUBPROTOCOL_PREFIX + session);
  return { protocols, connect };
}

/** The part of a WebSocket (https://websockets.spec.whatwg.org) that the client uses. */
export interface SocketLike {
  send(text: string): void;
  close(code?: number): void;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
}

/** The global `WebSocket`, the one of the package `ws`, or a compatible one. */
export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

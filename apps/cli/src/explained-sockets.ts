import { WebSocket } from 'ws';

/** WebSockets for a client, of which it is known why the latest one failed. Node's own keeps that to itself. */
export class ExplainedSockets {
  /** Such as `self-signed certificate`; undefined if the latest one has not failed. */
  failure: string | undefined;

  readonly WebSocket = this.#class();

  #class() {
    const set = (failure?: string): void => void (this.failure = failure);
    return class ExplainedSocket extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        set();
        this.on('error', (error) => set(reasonOf(error)));
      }
    };
  }
}

/** A host with several addresses fails with an error that has a code and no message. */
function reasonOf(error: Error): string {
  return error.message || ('code' in error ? String(error.code) : error.name);
}

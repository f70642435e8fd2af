import { once } from 'node:events';
import { isRequestId, SUBPROTOCOL, type ErrorData, type GatewayFrame, type Json } from '@holdfast/protocol';
import { WebSocket } from 'ws';
import { eventually } from '../eventually.ts';

/** A frame of the gateway, of which only the envelope was checked. */
export type Frame = GatewayFrame & { readonly data: { readonly [name: string]: Json } };

export interface ConnectOptions {
  readonly protocols?: readonly string[];
  readonly token?: string | undefined;
}

/** A WebSocket without a library: the scenario sends and receives everything itself. */
export class RawClient {
  readonly frames: Frame[] = [];
  closeCode: number | undefined;
  readonly #socket: WebSocket;
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('close', (code) => (this.closeCode = code));
    socket.on('message', (text: Buffer) => this.frames.push(JSON.parse(text.toString()) as Frame));
  }

  /** @throws Error if the upgrade is refused. */
  static async open(url: string, { protocols = [SUBPROTOCOL], token }: ConnectOptions): Promise<RawClient> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const socket = new WebSocket(url, [...protocols], { headers, perMessageDeflate: false });
    const client = new RawClient(socket);
    await Promise.race([once(socket, 'open'), once(socket, 'error').then(([error]) => Promise.reject(error as Error))]);
    return client;
  }

  /** The subprotocol that the gateway selected. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  send(data: string | Buffer): void {
    this.#socket.send(data);
  }

  /** Sends a request without waiting for the answer. @returns its id. */
  begin(event: string, data?: object, id: string | number = (this.#lastId += 1)): string | number {
    this.send(JSON.stringify({ event, id, ...(data === undefined ? {} : { data }) }));
    return id;
  }

  /** The answer to the request with this id. */
  answer(id: string | number): Promise<Frame> {
    return eventually(`an answer with the id ${id}`, () =>
      this.frames.find((frame) => 'id' in frame && frame.id === id),
    );
  }

  /** @throws Error if the request is refused. */
  async request(event: string, data?: object): Promise<Frame['data']> {
    const answer = await this.answer(this.begin(event, data));
    if (answer.event === 'reply') return answer.data;
    throw new Error(`${event} was refused: ${JSON.stringify(answer.data)}`);
  }

  /** The error of a refused request. @throws Error if it succeeds. */
  async refusal(event: string, data?: object): Promise<ErrorData> {
    const answer = await this.answer(this.begin(event, data));
    if (answer.event === 'error') return answer.data;
    throw new Error(`expected an error in answer to ${event} ${JSON.stringify(data)}`);
  }

  /** All frames of one event. */
  of(event: string): Frame['data'][] {
    return this.frames.filter((frame) => frame.event === event).map(({ data }) => data);
  }

  /** The errors without an id. */
  get errors(): string[] {
    return this.frames.flatMap((frame) =>
      frame.event === 'error' && !('id' in frame && isRequestId(frame.id)) ? [frame.data.code] : [],
    );
  }

  /** The code with which the gateway closes, or answers a closing handshake. */
  async closed(): Promise<number> {
    return eventually('the connection to be closed', () => this.closeCode);
  }

  close(code: number): void {
    this.#socket.close(code);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

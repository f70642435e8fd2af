import type { IncomingMessage } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, compressesAnything, type Config } from '../config/index.js';
import { acceptedOffer } from '../connection/permessage-deflate.js';

/** Agrees on permessage-deflate with clients that offer it, if any namespace compresses. */
@Injectable()
export class Compression {
  private readonly isOffered: boolean;
  private readonly accepted = new WeakSet<IncomingMessage>();

  constructor(@Inject(CONFIG) config: Config) {
    this.isOffered = compressesAnything(config);
  }

  /** Adds the answer to a client's offer to the headers of the response to its upgrade. */
  answer(headers: string[], request: IncomingMessage): void {
    const value = this.isOffered ? acceptedOffer(request.headers['sec-websocket-extensions']) : undefined;
    if (value === undefined) return;
    headers.push(`Sec-WebSocket-Extensions: ${value}`);
    this.accepted.add(request);
  }

  /** Whether the offer of this upgrade was accepted. */
  isAccepted(request: IncomingMessage): boolean {
    return this.accepted.has(request);
  }
}

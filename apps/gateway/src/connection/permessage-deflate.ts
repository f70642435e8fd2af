import { callbackify } from 'node:util';
import * as ws from 'ws';
import type { WebSocket } from 'ws';
import { WINDOW_BITS } from './web-socket-frame.js';

/** The parameters of an offer or an answer (RFC 7692, section 7.1). */
type Parameters = Record<string, unknown>;

type Done = (error: Error | null | undefined, data?: Buffer) => void;

/** What `ws` calls for the compressed frames of a message. */
interface Extension {
  decompress(data: Buffer, isLast: boolean, done: Done): void;
  /** Called when the connection has ended. */
  cleanup(): void;
}

/** What `ws` exports, and its types lack. */
interface Exports {
  readonly extension: {
    /** @throws SyntaxError if the header is not valid. */
    parse(header: string): Record<string, Parameters[]>;
    format(extensions: Record<string, Parameters[]>): string;
  };
  readonly PerMessageDeflate: new (options: object) => Extension & {
    /** @throws Error if none of the offers can be accepted. */
    accept(offers: readonly Parameters[]): Parameters;
  };
}

const { extension, PerMessageDeflate } = ws as unknown as Exports;

const NAME = 'permessage-deflate';

/** Each message is compressed on its own, so that one frame serves all clients. */
const OPTIONS = {
  isServer: true,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: WINDOW_BITS,
};

const NOTHING = Buffer.alloc(0);

const ignore = (): void => undefined;

/**
 * The value of `Sec-WebSocket-Extensions` that accepts a client's offer of permessage-deflate (RFC 7692, section 7.1).
 * Undefined if it offers none that can be accepted: then nothing is compressed.
 */
export function acceptedOffer(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  let offers: Parameters[];
  try {
    offers = extension.parse(header)[NAME] ?? [];
  } catch {
    return undefined;
  }
  for (const offer of offers) {
    const limitsWindow = 'server_max_window_bits' in offer;
    try {
      const accepted = new PerMessageDeflate(OPTIONS).accept([offer]);
      // Our window is smaller anyway, and some clients refuse what they did not ask for.
      if (!limitsWindow) delete accepted['server_max_window_bits'];
      return extension.format({ [NAME]: [accepted] });
    } catch {
      // The next one may be acceptable.
    }
  }
  return undefined;
}

/** A connection that sends compressed messages. */
interface Sender {
  readonly open: boolean;
  readonly isPaused: boolean;
  /** Settles when reading resumes, or the connection has ended. */
  readonly readOn: Promise<void>;
  /** Counts bytes that a message has in addition to those that arrived. */
  unpacked(bytes: number): void;
}

/**
 * Unpacks the messages of all connections, one after the other. They are compressed without context takeover, so no
 * connection needs an inflater of its own, which would take several times as much memory as the rest of the connection.
 */
export class MessageInflater {
  private readonly inflater: Extension;
  private last: Promise<void> = Promise.resolve();

  /** @param maxPayload of a message. `ws` closes a connection with 1009 if one becomes larger, and stops inflating it. */
  constructor(maxPayload: number) {
    const inflater = new PerMessageDeflate({ ...OPTIONS, maxPayload });
    inflater.accept([{}]);
    this.inflater = inflater;
  }

  /** Lets the client of this WebSocket send compressed messages. Must be called before its first frame is read. */
  serve(webSocket: WebSocket, sender: Sender): void {
    // `ws` has no other way to add an extension.
    const { _extensions } = webSocket as unknown as { readonly _extensions: Record<string, Extension> };
    _extensions[NAME] = new CompressedMessages(this, sender);
  }

  inflate(data: Buffer): Promise<Buffer> {
    // Not left to the limit of `ws` for concurrent calls, which any other user of `ws` in this process may have set.
    const inflated = this.last.then(() => this.inflateNow(data));
    this.last = inflated.then(ignore, ignore);
    return inflated;
  }

  private inflateNow(data: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.inflater.decompress(data, true, (error, message) => {
        if (error) reject(error);
        else resolve(message ?? NOTHING);
      });
    });
  }
}

/**
 * The compressed messages of one connection. Fragments are gathered as they arrive and inflated together, so that an
 * unfinished message takes no more memory than was sent.
 */
class CompressedMessages implements Extension {
  private fragments: Buffer[] | undefined;

  constructor(
    private readonly inflater: MessageInflater,
    private readonly sender: Sender,
  ) {}

  /** `ws` waits for the answer before it parses the next frame, and expects it in a later turn. */
  decompress(data: Buffer, isLast: boolean, done: Done): void {
    if (!isLast) {
      (this.fragments ??= []).push(data);
      process.nextTick(done, undefined, NOTHING);
      return;
    }
    const message = this.fragments === undefined ? data : Buffer.concat([...this.fragments, data]);
    this.fragments = undefined;
    unpack(this.inflater, this.sender, message, done);
  }

  cleanup(): void {
    this.fragments = undefined;
  }
}

/** What was read before the connection was paused may become a thousand times as large: it waits, too. */
const unpack = callbackify(async (inflater: MessageInflater, sender: Sender, message: Buffer): Promise<Buffer> => {
  while (sender.isPaused && sender.open) await sender.readOn;
  if (!sender.open) return NOTHING;
  const inflated = await inflater.inflate(message);
  sender.unpacked(inflated.length - message.length);
  return inflated;
});

import type { Readable } from 'node:stream';
import { Inject, Injectable, type PipeTransform } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';

/**
 * Reads a body, which `HttpModule` has Fastify leave unread. As a pipe it runs after the guards, so that nobody can
 * make us buffer and parse a body without being allowed to call the handler. An empty body is `undefined`, like a
 * missing one.
 */
@Injectable()
export class JsonBodyPipe implements PipeTransform {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** @throws ProtocolError `malformed` or `too_large` */
  async transform(body: Readable | undefined): Promise<unknown> {
    return body === undefined ? undefined : parseJson(await this.read(body));
  }

  private read(body: Readable): Promise<Buffer> {
    const { maxBody } = this.config.api;
    const chunks: Buffer[] = [];
    let length = 0;
    return new Promise((resolve, reject) => {
      const endedEarly = (): void => reject(new ProtocolError('malformed', 'the body ended before it was complete'));
      // A custom guard may have taken longer than the client was willing to wait.
      if (body.destroyed) endedEarly();
      body
        // A client reads our answer only after it has sent everything. So the rest of a body that is too large is read
        // and dropped.
        .on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length <= maxBody) chunks.push(chunk);
          else reject(new ProtocolError('too_large', 'the body exceeds api.maxBody'));
        })
        .on('end', () => resolve(Buffer.concat(chunks, length)))
        .on('error', endedEarly)
        .on('close', () => void (body.readableEnded || endedEarly()));
    });
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** JSON is UTF-8 (RFC 8259, section 8.1). A lenient decoder would store something other than what was sent. */
function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new ProtocolError('malformed', 'the body is not UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message would quote the body.
    throw new ProtocolError('malformed', 'the body is not JSON');
  }
}

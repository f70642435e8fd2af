import type { Readable } from 'node:stream';
import { Inject, Injectable, type PipeTransform } from '@nestjs/common';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../gateway/protocol-error.js';

/**
 * Reads a body, which `ApiModule` has Fastify leave unread. As a pipe it runs after the guards: who may not call a handler
 * cannot make us buffer or parse anything. An empty body is `undefined`, as no body is.
 */
@Injectable()
export class JsonBodyPipe implements PipeTransform {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** @throws ProtocolError `malformed` or `too_large` */
  async transform(body: Readable | undefined): Promise<unknown> {
    return body === undefined ? undefined : parseJson(await this.read(body));
  }

  private async read(body: Readable): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    try {
      // The iterator must not destroy the request: it is to be answered.
      for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > this.config.api.maxBody) break;
        chunks.push(chunk);
      }
    } catch {
      throw new ProtocolError('malformed', 'the body ended early');
    }
    if (length > this.config.api.maxBody) {
      // A client that is still sending reads our answer only when it is through.
      body.resume();
      throw new ProtocolError('too_large', 'the body');
    }
    return Buffer.concat(chunks, length);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** JSON is UTF-8 (RFC 8259, section 8.1); a lenient decoder would store something else than was sent. */
function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new ProtocolError('malformed', 'not UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message would quote the body.
    throw new ProtocolError('malformed', 'not JSON');
  }
}

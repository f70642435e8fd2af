import { vi } from 'vitest';
import { Connection } from '../../src/connection/connection.js';
import { compressedFrame, textFrame } from '../../src/connection/web-socket-frame.js';

/** A binary frame as sent by a server (RFC 6455, section 5.2). */
function binaryFrame(data: Buffer): Buffer {
  const empty = textFrame('');
  const header = textFrame('x'.repeat(data.length)).subarray(0, -data.length || empty.length);
  const frame = Buffer.concat([header, data]);
  frame[0] = 0x82;
  return frame;
}

/** The same frame compressed, whatever it contains. */
function compressed(frame: Buffer): Buffer {
  const smaller = compressedFrame(frame);
  if (smaller !== frame && frame[0] === 0x82) smaller[0] = 0xc2;
  return smaller;
}

/**
 * Makes every connection echo what it receives. Everything else is production code: the upgrade, the framing and its
 * limits, pings, the closing handshake, the outbox.
 */
export function echoEverything(): void {
  vi.spyOn(Connection.prototype, 'receive').mockImplementation(function (this: Connection, data, isBinary) {
    const frame = isBinary ? binaryFrame(data) : textFrame(data.toString());
    this.send(this.compresses ? compressed(frame) : frame);
  });
}

import { errorData, type ErrorCode } from '@holdfast/protocol';
import { WsException } from '@nestjs/websockets';

/** An error of the catalogue. It becomes the `error` frame of the request that it ends, or an HTTP answer. */
export class ProtocolError extends WsException {
  constructor(
    readonly code: ErrorCode,
    readonly detail?: string,
    /** With `rate_limited`: the pace that the limit permits, in ms per request. */
    readonly interval?: number,
  ) {
    super(errorData(code, detail, interval));
  }
}

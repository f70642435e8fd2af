import { errorData, type ErrorCode } from '@holdfast/protocol';
import { WsException } from '@nestjs/websockets';

/** An error of the catalogue. It becomes the `error` frame of the request that it ends, or an HTTP answer. */
export class ProtocolError extends WsException {
  constructor(
    readonly code: ErrorCode,
    readonly detail?: string,
  ) {
    super(errorData(code, detail));
  }
}

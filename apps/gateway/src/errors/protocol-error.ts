import { errorData, type ErrorCode, type ErrorDetails } from '@holdfast/protocol';
import { WsException } from '@nestjs/websockets';

/** An error of the catalogue. It becomes the `error` frame of the request that it ends, or an HTTP answer. */
export class ProtocolError extends WsException {
  constructor(
    readonly code: ErrorCode,
    readonly detail?: string,
    readonly details?: ErrorDetails,
  ) {
    super(errorData(code, detail, details));
  }
}

import { Controller, Get, Header } from '@nestjs/common';
import { ProtocolError } from '../errors/protocol-error.js';
import { WEBSOCKET_PATH } from './upgrades.js';

/** Answers plain HTTP requests to the path of the WebSocket with what to do instead (RFC 9110, section 15.5.22). */
@Controller(WEBSOCKET_PATH)
export class WebSocketPathController {
  @Get()
  // There is no point in keeping the connection.
  @Header('Connection', 'close, Upgrade')
  @Header('Upgrade', 'websocket')
  @Header('Sec-WebSocket-Version', '13')
  get(): never {
    throw new ProtocolError('upgrade_required');
  }
}

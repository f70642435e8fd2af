import { Controller, Get, Header } from '@nestjs/common';
import { ProtocolError } from '../errors/protocol-error.js';
import { WEBSOCKET_PATH } from './upgrades.js';

/** Tells whoever asks for the WebSocket's path by a plain HTTP request what to do instead (RFC 9110, section 15.5.22). */
@Controller(WEBSOCKET_PATH)
export class WebSocketPathController {
  @Get()
  // Behind it the connection would be kept for no purpose.
  @Header('Connection', 'close, Upgrade')
  @Header('Upgrade', 'websocket')
  @Header('Sec-WebSocket-Version', '13')
  get(): never {
    throw new ProtocolError('upgrade_required');
  }
}

import { Controller, Get, Header } from '@nestjs/common';
import { openApiDocument } from './openapi.js';

/** Public: it says nothing about this installation. */
@Controller('api')
export class OpenApiController {
  /** Written once: everybody gets the same bytes. */
  private readonly document = Buffer.from(JSON.stringify(openApiDocument()));

  @Get('openapi.json')
  @Header('Content-Type', 'application/json; charset=utf-8')
  get(): Buffer {
    return this.document;
  }
}

import { Controller, Get, Header } from '@nestjs/common';
import { HTTP_API, openApiDocument } from './openapi.js';

/** Public, since it reveals nothing about this installation. */
@Controller('api')
export class OpenApiController {
  /** Serialized once, so that everybody gets the same bytes. */
  private readonly document = Buffer.from(JSON.stringify(openApiDocument(HTTP_API)));

  @Get('openapi.json')
  @Header('Content-Type', 'application/json; charset=utf-8')
  get(): Buffer {
    return this.document;
  }
}

import { Controller, Get } from '@nestjs/common';
import { openApiDocument } from './openapi.js';

/** Public: it says nothing about this installation. */
@Controller('api')
export class OpenApiController {
  private readonly document = openApiDocument();

  @Get('openapi.json')
  get(): object {
    return this.document;
  }
}

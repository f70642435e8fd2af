import { describeIssue, requestSchemas, type RequestEvent } from '@holdfast/protocol';
import type { PipeTransform } from '@nestjs/common';
import { ProtocolError } from './protocol-error.js';

/** Lets only valid data of this event through to its handler. */
export class RequestPipe implements PipeTransform {
  constructor(private readonly event: RequestEvent) {}

  /** @throws ProtocolError `invalid` or `invalid_channel` */
  transform(data: unknown): unknown {
    const result = requestSchemas[this.event].safeParse(data);
    if (result.success) return result.data;
    const { code, detail } = describeIssue(result.error);
    throw new ProtocolError(code, detail);
  }
}

import type { ErrorCode, ErrorData } from './errors.js';
import type { NoticeEvent, Notices } from './events.js';

/** A request's id: a string of 1–64 characters or a safe integer, unique among the connection's unanswered requests. */
export type RequestId = string | number;

/** A request with a valid envelope; its event and data have not been validated yet. */
export interface RequestFrame {
  readonly event: string;
  readonly data?: unknown;
  readonly id?: RequestId;
  /** The W3C trace context that the request belongs to; it has not been validated. */
  readonly traceparent?: string;
}

/** A frame with an invalid envelope. It has the id, if that is valid, so that the error can be matched to the request. */
export interface BadFrame {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly id?: RequestId;
}

/** Every frame that the gateway sends. */
export type GatewayFrame =
  | { readonly event: 'reply'; readonly id: RequestId; readonly data: unknown }
  | { readonly event: 'error'; readonly id?: RequestId; readonly data: ErrorData }
  | { [E in NoticeEvent]: { readonly event: E; readonly data: Notices[E] } }[NoticeEvent];

export function isRequestId(id: unknown): id is RequestId {
  return typeof id === 'number' ? Number.isSafeInteger(id) : typeof id === 'string' && id.length > 0 && id.length <= 64;
}

/** Decodes the envelope of a text frame. Never throws. */
export function decodeRequest(text: string): RequestFrame | BadFrame {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return { code: 'malformed', detail: 'not JSON' };
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) {
    return { code: 'malformed', detail: 'not an object' };
  }
  const { event, data, id, traceparent } = frame as Record<string, unknown>;
  if (id !== undefined && !isRequestId(id)) {
    return { code: 'malformed', detail: '"id" must be a safe integer or a string of 1-64 characters' };
  }
  if (typeof event === 'string') {
    const request: RequestFrame = id === undefined ? { event, data } : { event, data, id };
    return typeof traceparent === 'string' ? { ...request, traceparent } : request;
  }
  const refusal: BadFrame = { code: 'malformed', detail: '"event" must be a string' };
  return id === undefined ? refusal : { ...refusal, id };
}

export function isBadFrame(frame: RequestFrame | BadFrame): frame is BadFrame {
  return 'code' in frame;
}

export function encodeReply(id: RequestId, data: unknown): string {
  return `{"event":"reply","id":${JSON.stringify(id)},"data":${JSON.stringify(data)}}`;
}

export function encodeError(error: ErrorData, id?: RequestId): string {
  return JSON.stringify({ event: 'error', ...(id === undefined ? {} : { id }), data: error });
}

export function encodeNotice<E extends NoticeEvent>(event: E, data: Notices[E]): string {
  return `{"event":"${event}","data":${JSON.stringify(data)}}`;
}

import type { Json } from '@holdfast/protocol';
import type { Undeclared } from './channel-map.js';

/** The types of calls that are not declared: any data, and the result that a call names. */
export interface AnyCalls {
  readonly [event: string]: (data?: unknown) => Json;
}

/** The names of the calls that a map declares. */
export type CallName<Calls> = keyof Calls & string;

/** What a call is given: the parameters of its function in the map. */
export type CallData<Calls, Event extends keyof Calls> = Calls[Event] extends (...data: infer Data) => unknown
  ? Data
  : never;

/** The type that a call names, or else the result of its function in the map. */
export type CallResult<Calls, Event extends keyof Calls, Named> = Named extends Undeclared
  ? Calls[Event] extends (...data: never) => infer Result
    ? Awaited<Result>
    : never
  : Named;

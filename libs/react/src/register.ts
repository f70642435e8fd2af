import type { AnyCalls, AnyChannels, DataOf, Holdfast } from '@holdfast/client';

/**
 * Declares the types of channels' data and of calls, for all hooks:
 *
 * ```ts
 * declare module '@holdfast/react' {
 *   interface Register {
 *     channels: { 'chat:*': ChatMessage };
 *     calls: { 'orders.create'(order: Order): Receipt };
 *   }
 * }
 * ```
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type -- applications add to it
export interface Register {}

/** The types of data by patterns of channels, as `Holdfast` takes them; any JSON if the application registers none. */
export type Channels = Register extends { readonly channels: infer Registered extends object }
  ? Registered
  : AnyChannels;

/** The types of calls, as `Holdfast` takes them; any if the application registers none. */
export type Calls = Register extends { readonly calls: infer Registered extends object } ? Registered : AnyCalls;

// oxlint-disable-next-line typescript/no-unnecessary-type-arguments -- the defaults only if nothing is registered
export type Client = Holdfast<Channels, Calls>;

/** Stands for a type that a call does not name. */
export interface Undeclared {
  readonly undeclared: never;
}

/** The type that a call names, or else the registered one. */
export type Data<Channel, Named> = Named extends Undeclared ? DataOf<Channels, Channel> : Named;

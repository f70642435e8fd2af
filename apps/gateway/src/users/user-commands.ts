import { BROKER, type Broker, type Position, type PublishResult, type StreamOptions } from '@holdfast/broadcast';
import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { z } from 'zod';
import { BlockedUsers } from '../auth/index.js';
import { BrokerInputs } from '../broker/broker-inputs.js';
import { fromBroker } from '../errors/broker-errors.js';
import { BLOCKS_STREAM, USER_COMMANDS_STREAM } from '../broker/reserved-names.js';
import { ChannelsService } from '../channels/channels.service.js';
import { Connections } from '../connection/connections.js';
import { BlockRenewal } from './block-renewal.js';
import { CommandStream, type StoredText, type Unread } from './command-stream.js';
import {
  blockSchema,
  keyOfBlock,
  LIFTED,
  userCommandSchema,
  type Block,
  type UserCommand,
  type UserSignal,
} from './user-command.js';
import { EventLog } from '../logging/event-log.js';

/** The longest time for which a user may be blocked: 30 days. */
export const MAX_BLOCK_MS = 30 * 86_400_000;

/**
 * How long commands without an end of their own are kept, in ms. A pod that is cut off from the broker for longer
 * learns only of blocks that are still valid.
 */
const COMMAND_TTL_MS = 86_400_000;

/** How many commands a stream keeps. */
const HISTORY_SIZE = 10_000;

/** ms between two reads of commands whose signals were lost. */
const INTERVAL = 10_000;

/** What to do to one user, who may have come back since. */
interface Orders {
  /** Connections that started by this time are closed. */
  closeUntil: number;
  /** By channel: subscriptions that started by this time are ended. */
  readonly unsubscribeUntil: Map<string, number>;
}

/**
 * Applies to this pod what the HTTP API does to users. Commands arrive as signals, and are also stored in streams of
 * the broker, for pods that start later or miss the signal. Those apply them to connections and subscriptions that
 * started earlier.
 */
@Injectable()
export class UserCommands implements OnModuleInit, OnApplicationShutdown {
  private readonly blocks: CommandStream;
  private readonly commands: CommandStream;
  private readonly renewal: BlockRenewal;
  private timer: NodeJS.Timeout | undefined;
  private loading: Promise<void> | undefined;

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(Connections) private readonly connections: Connections,
    @Inject(BlockedUsers) private readonly blocked: BlockedUsers,
    @Inject(ChannelsService) private readonly channels: ChannelsService,
    @Inject(BrokerInputs) private readonly inputs: BrokerInputs,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    this.blocks = new CommandStream(broker, BLOCKS_STREAM, keptFor(MAX_BLOCK_MS));
    this.commands = new CommandStream(broker, USER_COMMANDS_STREAM, keptFor(COMMAND_TTL_MS));
    this.renewal = new BlockRenewal(broker.capabilities.maxHistoryTtl);
  }

  onModuleInit(): void {
    // If the broker is away, the next look is when it is back.
    this.timer = setInterval(() => {
      this.blocked.removeExpired();
      this.load().catch(() => undefined);
    }, INTERVAL);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /**
   * The epoch of the stream of blocks, the same on all pods. Another one means that the broker has lost its data.
   * Undefined before the first block.
   */
  get epoch(): string | undefined {
    return this.blocks.epoch;
  }

  /** @returns where it is stored. */
  async store(command: UserCommand): Promise<Position> {
    const block = blockOf(command);
    // Without a key: the same block counts again after it was lifted.
    const { epoch, offset } = await fromBroker(
      block === undefined ? this.commands.append(JSON.stringify(command)) : this.blocks.append(JSON.stringify(block)),
    );
    if (block !== undefined) this.renewal.note(block, this.broker.now());
    return { epoch, offset };
  }

  /** Applies a command from a signal, unless it was already read. */
  hear(signal: UserSignal): void {
    const { stored, user } = signal;
    const isBlock = blockOf(signal) !== undefined;
    if (stored !== undefined && !(isBlock ? this.blocks : this.commands).hear(stored)) return;
    if (signal.type === 'unblock') this.blocked.unblock(user);
    else if (signal.type === 'disconnect') {
      if (signal.until !== undefined) this.blocked.block(user, signal.until, this.broker.now());
      for (const connection of this.connections.ofUser(user)) connection.close('disconnected');
    } else {
      for (const connection of this.connections.ofUser(user)) this.channels.kickFrom(connection, signal.channel);
    }
  }

  /** Blocks users who are blocked on another pod. */
  applyBlocks(blocks: readonly Block[]): void {
    this.apply(blocks.map((block) => ({ value: commandOf(block), time: -Infinity })));
  }

  /**
   * Applies commands that this pod has missed, and stores the blocks that it knows again if the broker has lost them or will drop
   * them soon.
   * Rejects like the methods of {@link Broker}.
   */
  load(): Promise<void> {
    return (this.loading ??= this.read().finally(() => (this.loading = undefined)));
  }

  private async read(): Promise<void> {
    const blocks = await this.blocks.unread();
    const stored = this.parse(BLOCKS_STREAM, blockSchema, blocks.texts);
    this.apply(stored.map(({ value, time }) => ({ value: commandOf(value), time })));
    if (blocks.isNew) await this.restore(stored.map(({ value }) => value));
    for (const { value, time } of stored) this.renewal.note(value, time);
    for (const block of this.renewal.due(this.blocked.list(), this.broker.now())) await this.storeBlock(block);
    blocks.done();

    const commands = await this.commands.unread();
    this.warnIfIncomplete(commands);
    this.apply(
      this.parse(
        USER_COMMANDS_STREAM,
        userCommandSchema,
        commands.texts.filter(({ heard }) => !heard),
      ),
    );
    commands.done();
  }

  /** Other releases may store commands that this one does not know. */
  private parse<T>(name: string, schema: z.ZodType<T>, texts: readonly StoredText[]): { value: T; time: number }[] {
    const parsed: { value: T; time: number }[] = [];
    for (const { text, time } of texts) {
      const { success, data } = schema.safeParse(parseJson(text));
      if (success) parsed.push({ value: data, time });
      else this.inputs.invalid('refusal', name);
    }
    return parsed;
  }

  /** Checks each connection once, however many commands there are. */
  private apply(commands: readonly { readonly value: UserCommand; readonly time: number }[]): void {
    if (commands.length === 0) return;
    const now = this.broker.now();
    const ordersOf = new Map<string, Orders>();
    for (const { value, time } of commands) {
      const orders = ordersOf.get(value.user) ?? { closeUntil: -Infinity, unsubscribeUntil: new Map<string, number>() };
      ordersOf.set(value.user, orders);
      if (value.type === 'unblock') {
        this.blocked.unblock(value.user);
        // Connections from before the block end, and later ones stay.
        orders.closeUntil = Math.min(orders.closeUntil, time);
      } else if (value.type === 'unsubscribe') {
        orders.unsubscribeUntil.set(value.channel, Math.max(time, orders.unsubscribeUntil.get(value.channel) ?? time));
      } else {
        if (value.until !== undefined) this.blocked.block(value.user, value.until, now);
        // Nobody who is blocked may be connected, whenever the connection started.
        orders.closeUntil = Math.max(orders.closeUntil, (value.until ?? 0) > now ? Infinity : time);
      }
    }
    for (const connection of this.connections.all()) {
      const orders = connection.user === undefined ? undefined : ordersOf.get(connection.user);
      if (orders === undefined) continue;
      if (connection.since <= orders.closeUntil) connection.close('disconnected');
      else for (const order of orders.unsubscribeUntil) this.channels.kickFrom(connection, ...order);
    }
  }

  /** Stores the blocks that are missing in a new stream. */
  private async restore(stored: readonly Block[]): Promise<void> {
    const keys = new Set(stored.map(keyOfBlock));
    for (const block of this.blocked.list()) {
      if (!keys.has(keyOfBlock(block))) await this.storeBlock(block);
    }
  }

  /** Stored once, however many pods do it. */
  private async storeBlock(block: Block): Promise<PublishResult> {
    const now = this.broker.now();
    const key = this.renewal.keyOf(block, now);
    const window = Math.min(Math.max(block.until - now, 1), this.broker.capabilities.maxKeyWindow);
    const result = await this.blocks.append(JSON.stringify(block), {
      publisher: 'gateway',
      key,
      fingerprint: key,
      window,
    });
    this.renewal.note(block, now);
    return result;
  }

  private warnIfIncomplete({ incomplete }: Unread): void {
    if (incomplete) this.log.write('users.commands_missed');
  }
}

/** What the stream of blocks stores of a command; undefined if it belongs into the other one. */
function blockOf(command: UserCommand): Block | undefined {
  if (command.type === 'unblock') return { user: command.user, until: LIFTED };
  if (command.type === 'unsubscribe' || command.until === undefined) return undefined;
  return { user: command.user, until: command.until };
}

function commandOf({ user, until }: Block): UserCommand {
  return until === LIFTED ? { type: 'unblock', user } : { type: 'disconnect', user, until };
}

function keptFor(ms: number): StreamOptions {
  return { historySize: HISTORY_SIZE, historyTtl: ms, positionTtl: ms };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

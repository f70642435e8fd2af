import { isIP, Socket } from 'node:net';
import type { Client } from 'pg';
import type { Address } from '../../broker-url.js';
import { BrokerUnavailableError, BrokerUnknownError } from '../../errors.js';
import { loadLibrary } from '../library.js';
import type { PostgresSettings } from '../url.js';
import { answeredError, RefusedError } from './errors.js';

/** ms within which a connection has to be open. */
const CONNECT_TIMEOUT = 2_000;

export type Value = string | number | boolean | null | readonly (string | number | boolean | null)[];
/** The columns of a row: numbers of 64 bits are texts. */
export type Row = readonly unknown[];

/**
 * One connection, which runs one statement after the other. It is closed when a statement is not answered in time, because the server
 * may still be running it.
 */
export class Connection {
  /** Called once. */
  onClose: () => void = () => undefined;
  onNotification: (payload: string) => void = () => undefined;
  readonly #client: Client;
  readonly #socket: Socket;
  #open = true;

  private constructor(client: Client, socket: Socket) {
    this.#client = client;
    this.#socket = socket;
    // Without a listener an error would end the process.
    client.on('error', () => this.close());
    client.on('end', () => this.close());
    client.on('notification', ({ payload = '' }) => this.onNotification(payload));
  }

  /** @throws BrokerUnavailableError with the reason. */
  static async open(settings: PostgresSettings, { host, port }: Address, name: string): Promise<Connection> {
    const { Client: PostgresClient } = await loadLibrary();
    const { credentials, database, tls } = settings;
    const socket = new Socket();
    socket.setKeepAlive(true);
    // The client reports it too, but only while it has listeners.
    socket.on('error', () => undefined);
    const client = new PostgresClient({
      stream: () => socket,
      host,
      port,
      user: credentials.username ?? 'postgres',
      password: credentials.password ?? '',
      database,
      // An address cannot be the name in the handshake; the certificate is checked against it anyway.
      ssl: tls === undefined ? false : { ...(isIP(host) === 0 ? { servername: host } : { host }), ...tls },
      application_name: `holdfast ${name}`,
      // A statement is sent at once, although the one before it is not answered yet. Each is a transaction of its own anyway.
      pipeline: true,
    });
    const connection = new Connection(client, socket);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      socket.destroy();
    }, CONNECT_TIMEOUT);
    try {
      await client.connect();
      return connection;
    } catch (error) {
      connection.close();
      if (isLate) throw new BrokerUnavailableError('the server does not answer');
      throw connectProblem(error);
    } finally {
      clearTimeout(timer);
    }
  }

  get open(): boolean {
    return this.#open;
  }

  /**
   * Runs a statement, which is a transaction of its own.
   *
   * @param timeout ms.
   * @throws PostgresError
   * @throws BrokerUnknownError
   */
  async query(timeout: number, text: string, values: readonly Value[] = []): Promise<Row[]> {
    if (!this.#open) throw new BrokerUnavailableError('the connection is closed');
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.close();
    }, timeout);
    try {
      const { rows } = await this.#client.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
      return rows;
    } catch (error) {
      const answered = answeredError(error);
      if (answered?.needsConnection === true) this.close();
      if (answered !== undefined) throw answered;
      throw new BrokerUnknownError(isLate ? 'no answer in time' : 'the connection was lost');
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.destroy();
    this.onClose();
  }
}

/** Why a connection could not be opened, without secrets. */
function connectProblem(error: unknown): BrokerUnavailableError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case '28P01':
    case '28000':
      return new RefusedError('the server refused the user, its password or its certificate');
    case '3D000':
      return new RefusedError('the database does not exist');
    case '53300':
      return new BrokerUnavailableError('the server has no connection left (max_connections)');
    case '57P03':
      return new BrokerUnavailableError('the server is starting or shutting down');
    case '':
      return error instanceof Error && error.message.includes('SSL')
        ? new RefusedError('the server does not support TLS')
        : new BrokerUnavailableError('the connection failed');
    default:
      return new BrokerUnavailableError(`the connection failed: ${code}`);
  }
}

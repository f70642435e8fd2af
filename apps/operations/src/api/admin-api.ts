import type { History, ListPage, PodChannel, PodConnection, PodState, User } from './answers.js';

/** How long an answer may take, in ms. */
const ANSWER_WITHIN_MS = 10_000;

/** A refusal of the pod. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** There was no answer. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

interface Request {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent by POST. */
  readonly body?: object;
}

interface ListQuery {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** The admin API of the pod that serves this page. The key is only ever sent in a header. */
export class AdminApi {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  state(): Promise<PodState> {
    return this.#call('state');
  }

  async connections(query: ListQuery & { user?: string; channel?: string }): Promise<ListPage<PodConnection>> {
    const { connections, next } = await this.#call<{ connections: PodConnection[]; next?: string }>('connections', {
      query: { ...query },
    });
    return { entries: connections, ...(next === undefined ? {} : { next }) };
  }

  async channels(query: ListQuery & { prefix?: string }): Promise<ListPage<PodChannel>> {
    const { channels, next } = await this.#call<{ channels: PodChannel[]; next?: string }>('channels', {
      query: { ...query },
    });
    return { entries: channels, ...(next === undefined ? {} : { next }) };
  }

  user(user: string): Promise<User> {
    return this.#call(`users/${encodeURIComponent(user)}`);
  }

  /** @param until in ms since the Unix epoch, by the broker's clock; without it, the user may connect again at once. */
  async disconnect(user: string, until?: number): Promise<void> {
    await this.#call(`users/${encodeURIComponent(user)}/disconnect`, { body: until === undefined ? {} : { until } });
  }

  async unblock(user: string): Promise<void> {
    await this.#call(`users/${encodeURIComponent(user)}/unblock`, { body: {} });
  }

  /** The latest publications, the latest first. */
  history(channel: string, limit: number): Promise<History> {
    return this.#call(`channels/${encodeURIComponent(channel)}/history`, { query: { reverse: 'true', limit } });
  }

  /** @throws RefusedError or UnreachableError */
  async #call<T>(path: string, { query = {}, body }: Request = {}): Promise<T> {
    const url = new URL(`../admin/${path}`, document.baseURI);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
    }
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(url, {
        headers: {
          authorization: `Bearer ${this.#key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
        cache: 'no-store',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      answer = await response.json();
    } catch (error) {
      throw new UnreachableError('the pod does not answer', { cause: error });
    }
    if (response.ok) return answer as T;
    const { code, message } = answer as { code?: unknown; message?: unknown };
    throw new RefusedError(String(code), typeof message === 'string' ? message : `status ${response.status}`);
  }
}

import { Inject, Injectable } from '@nestjs/common';
import {
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleAll,
  isBrokenCircuitError,
  isBulkheadRejectedError,
} from 'cockatiel';
import type { Json } from '@holdfast/protocol';
import { LRUCache } from 'lru-cache';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { CONFIG, type AuthorizedAction, type Config } from '../config/index.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { OutboundError } from '../outbound/request.js';
import { answerSchemas, type Answer, type Permit } from './answers.js';
import { signedPost } from './signed-post.js';

/** How many answers are remembered. */
const MAX_CACHED = 10_000;

/** How many requests may wait, for each one that may be under way. */
const WAITING_FACTOR = 4;

/** So many failures in a row, and the backend is left alone for a while: ms, at first and at most. */
const BREAK_AFTER = 5;
const MIN_BREAK_MS = 1_000;
const MAX_BREAK_MS = 10_000;

/** Who asks. */
interface Asker {
  /** Absent for an anonymous connection. */
  readonly user?: string | undefined;
  readonly client: string;
}

interface ConnectQuestion extends Asker {
  /** What the token says that the gateway has verified. */
  readonly info?: Json | undefined;
  /** Only where the gateway verifies no tokens itself: then the backend says whose it is. */
  readonly token?: string | undefined;
  readonly origin?: string | undefined;
}

interface ChannelQuestion extends Asker {
  readonly channel: string;
}

interface ChannelAnswer {
  readonly answer: Answer<'subscribe' | 'publish'>;
  /** On the clock of `performance.now()`. */
  readonly expiresAt?: number;
}

interface Questions {
  connect: ConnectQuestion;
  subscribe: ChannelQuestion;
  publish: ChannelQuestion;
}

/**
 * Asks a team's backend for permission. Fails closed: where no answer can be had, the client is refused with
 * `authorization_unavailable`, and may try again.
 */
@Injectable()
export class AuthorizationWebhook {
  private readonly answers: LRUCache<string, ChannelAnswer> | undefined;
  private readonly asked = new Map<string, Promise<ChannelAnswer>>();
  private readonly slots;
  private readonly breaker = circuitBreaker(handleAll, {
    breaker: new ConsecutiveBreaker(BREAK_AFTER),
    halfOpenAfter: new ExponentialBackoff({ initialDelay: MIN_BREAK_MS, maxDelay: MAX_BREAK_MS }),
  });

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @InjectPinoLogger(AuthorizationWebhook.name) private readonly logger: PinoLogger,
  ) {
    const { cache, concurrency } = config.webhooks.authorization;
    if (cache > 0) this.answers = new LRUCache({ max: MAX_CACHED, ttl: cache });
    this.slots = bulkhead(concurrency, WAITING_FACTOR * concurrency);
    this.breaker.onBreak(() => this.logger.warn('the authorization webhook fails: it is left alone for a while'));
    this.breaker.onReset(() => this.logger.info('the authorization webhook answers again'));
    metrics.gauge('holdfast_authorization_breaker_open', '1 while the authorization webhook is left alone', () =>
      this.breaker.state === CircuitState.Closed ? 0 : 1,
    );
  }

  /** Whether the backend is asked about this. */
  asksAbout(action: AuthorizedAction): boolean {
    const { url, actions } = this.config.webhooks.authorization;
    return url !== undefined && actions.includes(action);
  }

  /**
   * Asked each time: who is connected now may be banned by the next.
   *
   * @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable`
   */
  async connect(question: ConnectQuestion): Promise<Permit<'connect'>> {
    return permitted(await this.ask('connect', question));
  }

  /**
   * @returns when the permission ends, on the clock of `performance.now()`; undefined if it does not.
   * @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable`
   */
  async subscribe(question: ChannelQuestion): Promise<number | undefined> {
    const { answer, expiresAt } = await this.remembered('subscribe', question);
    permitted(answer);
    return expiresAt;
  }

  /** @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable` */
  async publish(question: ChannelQuestion): Promise<void> {
    permitted((await this.remembered('publish', question)).answer);
  }

  /** One request for all who ask the same at once, and for those who ask a moment later. */
  private async remembered(action: 'subscribe' | 'publish', question: ChannelQuestion): Promise<ChannelAnswer> {
    const { user, client, channel } = question;
    const key = JSON.stringify([action, channel, ...(user === undefined ? ['client', client] : ['user', user])]);
    const known = this.answers?.get(key);
    if (known !== undefined) {
      this.metrics.authorizations.inc({ action, outcome: 'cached' });
      return known;
    }
    let asked = this.asked.get(key);
    if (asked === undefined) {
      asked = this.askAboutChannel(action, question, key).finally(() => this.asked.delete(key));
      this.asked.set(key, asked);
    }
    return asked;
  }

  private async askAboutChannel(
    action: 'subscribe' | 'publish',
    question: ChannelQuestion,
    key: string,
  ): Promise<ChannelAnswer> {
    const answer = await this.ask(action, question);
    const expires = 'expires' in answer ? answer.expires : undefined;
    if (expires === undefined) {
      this.answers?.set(key, { answer });
      return { answer };
    }
    const ending = { answer, expiresAt: performance.now() + expires * 1000 };
    // 0 would be without end.
    const ttl = Math.ceil(Math.min(this.config.webhooks.authorization.cache, expires * 1000));
    this.answers?.set(key, ending, { ttl });
    return ending;
  }

  private async ask<A extends AuthorizedAction>(action: A, question: Questions[A]): Promise<Answer<A>> {
    const stop = this.metrics.authorizationSeconds.startTimer({ action });
    try {
      const answer = await this.withinBounds(() => this.post(action, question));
      this.metrics.authorizations.inc({ action, outcome: answer.allow ? 'allowed' : 'denied' });
      return answer;
    } catch (error) {
      const wasAsked = !isBulkheadRejectedError(error) && !isBrokenCircuitError(error);
      this.metrics.authorizations.inc({ action, outcome: wasAsked ? 'failed' : 'rejected' });
      if (!wasAsked || error instanceof OutboundError) {
        if (wasAsked) this.logger.debug({ action, reason: error.message }, 'the authorization webhook failed');
        throw new ProtocolError('authorization_unavailable');
      }
      throw error;
    } finally {
      stop();
    }
  }

  private async withinBounds<T>(post: () => Promise<T>): Promise<T> {
    const { timeout } = this.config.webhooks.authorization;
    const waitUntil = performance.now() + timeout;
    return this.slots.execute(async () => {
      // Whoever asked has been waiting for too long by now.
      if (performance.now() > waitUntil) throw new BulkheadRejectedError(0, 0);
      return this.breaker.execute(post);
    });
  }

  private async post<A extends AuthorizedAction>(action: A, question: Questions[A]): Promise<Answer<A>> {
    const { secrets, authorization } = this.config.webhooks;
    const { url = '', timeout } = authorization;
    const text = await signedPost({
      url,
      secrets: secrets.current,
      type: `authorize.${action}`,
      data: { ...question, node: this.config.node },
      timeout,
    });
    const answer = answerSchemas[action].safeParse(parseJson(text));
    if (!answer.success) throw new OutboundError('it answered with something else than an answer');
    return answer.data as Answer<A>;
  }
}

/** @throws ProtocolError with the code of the refusal */
function permitted<A extends Answer<AuthorizedAction>>(answer: A): Extract<A, { allow: true }> {
  if (!answer.allow) throw new ProtocolError(answer.code);
  return answer as Extract<A, { allow: true }>;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { Inject, Injectable } from '@nestjs/common';
import type { Json } from '@holdfast/protocol';
import { LRUCache } from 'lru-cache';
import { CONFIG, type AuthorizedAction, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { WEBHOOK_COST } from '../limits/senders.js';
import { Metrics } from '../metrics/metrics.js';
import { FairRequests } from '../outbound/fair-requests.js';
import { NotRunError } from '../outbound/fair-slots.js';
import { postForAnswer } from '../outbound/post-for-answer.js';
import { OutboundError } from '../outbound/request.js';
import { standingOf, type Party } from '../outbound/standing.js';
import { answerSchemas, type Answer, type Permit } from './webhook-answers.js';
import { EventLog } from '../logging/event-log.js';

/** How many answers are cached. */
const MAX_CACHED = 10_000;

interface ConnectRequest extends Party {
  /** From a token that the gateway has verified. */
  readonly info?: Json | undefined;
  /** Only if the gateway itself verifies no tokens: then the backend decides whose it is. */
  readonly token?: string | undefined;
  readonly origin?: string | undefined;
}

interface ChannelRequest extends Party {
  readonly channel: string;
}

/** The connection that needs the permission. */
export interface Requester {
  /** Absent if addresses are not distinguished. */
  readonly address?: string | undefined;
  /** Counts work that costs the CPU as much as this number of frames. */
  charge(frames: number): void;
}

interface ChannelAnswer {
  readonly answer: Answer<'subscribe' | 'publish'>;
  /** On the clock of `performance.now()`. */
  readonly expiresAt?: number;
}

interface AuthorizationRequests {
  connect: ConnectRequest;
  subscribe: ChannelRequest;
  publish: ChannelRequest;
}

/**
 * Asks a team's backend for permission. Fails closed: without an answer, the client is refused with
 * `authorization_unavailable` and may try again.
 */
@Injectable()
export class AuthorizationWebhook {
  private readonly answers: LRUCache<string, ChannelAnswer> | undefined;
  private readonly pending = new Map<string, Promise<ChannelAnswer>>();
  private readonly requests: FairRequests;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(EventLog) private readonly log: EventLog,
  ) {
    const { cache, concurrency, timeout } = config.webhooks.authorization;
    if (cache > 0) this.answers = new LRUCache({ max: MAX_CACHED, ttl: cache });
    this.requests = new FairRequests({
      concurrency,
      timeout,
      onPaused: (isPaused) => {
        this.log.write(isPaused ? 'authorization.paused' : 'authorization.resumed');
      },
    });
    metrics.gauge(
      'holdfast_authorization_breaker_open',
      '1 while requests to the authorization webhook are paused because it fails',
      () => +this.requests.isPaused,
    );
  }

  /** Whether the backend is asked about this action. */
  asksAbout(action: AuthorizedAction): boolean {
    const { url, actions } = this.config.webhooks.authorization;
    return url !== undefined && actions.includes(action);
  }

  /**
   * Never cached: a user may be banned between two connects.
   *
   * @param address the address that the client is counted under, if addresses are distinguished.
   * @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable`
   */
  async connect(request: ConnectRequest, address?: string): Promise<Permit<'connect'>> {
    return permitted(await this.ask('connect', request, address));
  }

  /**
   * @returns when the permission expires, on the clock of `performance.now()`; undefined if it never does.
   * @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable`
   */
  async subscribe(request: ChannelRequest, requester: Requester): Promise<number | undefined> {
    const { answer, expiresAt } = await this.cachedOrAsked('subscribe', request, requester);
    permitted(answer);
    return expiresAt;
  }

  /** @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable` */
  async publish(request: ChannelRequest, requester: Requester): Promise<void> {
    permitted((await this.cachedOrAsked('publish', request, requester)).answer);
  }

  /** One request for all callers that need the same answer at once or a moment later. */
  private async cachedOrAsked(
    action: 'subscribe' | 'publish',
    request: ChannelRequest,
    requester: Requester,
  ): Promise<ChannelAnswer> {
    const { user, client, channel } = request;
    const key = JSON.stringify([action, channel, ...(user === undefined ? ['client', client] : ['user', user])]);
    const known = this.answers?.get(key);
    if (known !== undefined) {
      this.metrics.authorizations.inc({ action, outcome: 'cached' });
      return known;
    }
    let pending = this.pending.get(key);
    if (pending === undefined) {
      requester.charge(WEBHOOK_COST);
      pending = this.askAboutChannel(action, request, key, requester.address).finally(() => this.pending.delete(key));
      this.pending.set(key, pending);
    }
    return pending;
  }

  private async askAboutChannel(
    action: 'subscribe' | 'publish',
    request: ChannelRequest,
    key: string,
    address: string | undefined,
  ): Promise<ChannelAnswer> {
    const answer = await this.ask(action, request, address);
    const expires = 'expires' in answer ? answer.expires : undefined;
    if (expires === undefined) {
      this.answers?.set(key, { answer });
      return { answer };
    }
    const ending = { answer, expiresAt: performance.now() + expires * 1000 };
    // 0 would mean forever.
    const ttl = Math.ceil(Math.min(this.config.webhooks.authorization.cache, expires * 1000));
    this.answers?.set(key, ending, { ttl });
    return ending;
  }

  private async ask<A extends AuthorizedAction>(
    action: A,
    request: AuthorizationRequests[A],
    address: string | undefined,
  ): Promise<Answer<A>> {
    const stop = this.metrics.authorizationSeconds.startTimer({ action });
    try {
      const token = 'token' in request ? request.token : undefined;
      const answer = await this.requests.send(standingOf(request, address, token), () => this.post(action, request));
      this.metrics.authorizations.inc({ action, outcome: answer.allow ? 'allowed' : 'denied' });
      return answer;
    } catch (error) {
      const wasAsked = !(error instanceof NotRunError);
      this.metrics.authorizations.inc({ action, outcome: wasAsked ? 'failed' : 'rejected' });
      if (!wasAsked || error instanceof OutboundError) {
        if (wasAsked) this.log.write('authorization.failed', { action, reason: error.message });
        throw new ProtocolError('authorization_unavailable');
      }
      throw error;
    } finally {
      stop();
    }
  }

  private async post<A extends AuthorizedAction>(action: A, request: AuthorizationRequests[A]): Promise<Answer<A>> {
    const { secrets, authorization } = this.config.webhooks;
    const { url = '', timeout } = authorization;
    const data = { ...request, node: this.config.node };
    const answer = await postForAnswer<Answer<AuthorizedAction>>(
      { url, secrets: secrets.current, type: `authorize.${action}`, data, timeout },
      answerSchemas[action],
    );
    return answer as Answer<A>;
  }
}

/** @throws ProtocolError with the code of the refusal */
function permitted<A extends Answer<AuthorizedAction>>(answer: A): Extract<A, { allow: true }> {
  if (!answer.allow) throw new ProtocolError(answer.code);
  return answer as Extract<A, { allow: true }>;
}

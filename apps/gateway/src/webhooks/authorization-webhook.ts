import { hash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { Json } from '@holdfast/protocol';
import { LRUCache } from 'lru-cache';
import { InjectPinoLogger, type PinoLogger } from 'nestjs-pino';
import { CONFIG, type AuthorizedAction, type Config } from '../config/index.js';
import { ProtocolError } from '../gateway/protocol-error.js';
import { QUESTION_COST } from '../limits/senders.js';
import { Metrics } from '../metrics/metrics.js';
import { OutboundError } from '../outbound/request.js';
import { answerSchemas, type Answer, type Permit } from './answers.js';
import { BackendBreaker } from './backend-breaker.js';
import { FailingAskers } from './failing-askers.js';
import { FairSlots, NotRunError, type Asker } from './fair-slots.js';
import { signedPost } from './signed-post.js';

/** How many answers are remembered. */
const MAX_CACHED = 10_000;

/** How many requests may wait, for each one that may be under way. */
const WAITING_FACTOR = 4;

/** What an asker is counted by who has neither a user nor an address: there may be any number of them. */
const NOBODY = 'nobody';

/** On whose behalf the backend is asked. */
interface Party {
  /** Absent for an anonymous connection. */
  readonly user?: string | undefined;
  readonly client: string;
}

interface ConnectQuestion extends Party {
  /** What the token says that the gateway has verified. */
  readonly info?: Json | undefined;
  /** Only where the gateway verifies no tokens itself: then the backend says whose it is. */
  readonly token?: string | undefined;
  readonly origin?: string | undefined;
}

interface ChannelQuestion extends Party {
  readonly channel: string;
}

/** The connection that asks. */
export interface Questioner {
  /** Absent if addresses are not told apart. */
  readonly address?: string | undefined;
  /** Counts what takes as much of the CPU as so many frames. */
  charge(frames: number): void;
}

interface ChannelAnswer {
  readonly answer: Answer<'subscribe' | 'publish'>;
  /** On the clock of `performance.now()`. */
  readonly expiresAt?: number;
}

/** Who waits and who is at fault when a question fails. */
interface Standing extends Asker {
  /** Whom a failure counts for against the backend. */
  readonly voter: string;
  /** Who has to wait when its questions keep failing. */
  readonly culprit: string;
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
  private readonly slots: FairSlots;
  private readonly failing = new FailingAskers();
  private readonly breaker = new BackendBreaker((isOpen) => {
    if (isOpen) this.logger.warn('the authorization webhook fails: it is left alone for a while');
    else this.logger.info('the authorization webhook answers again');
  });

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Metrics) private readonly metrics: Metrics,
    @InjectPinoLogger(AuthorizationWebhook.name) private readonly logger: PinoLogger,
  ) {
    const { cache, concurrency } = config.webhooks.authorization;
    if (cache > 0) this.answers = new LRUCache({ max: MAX_CACHED, ttl: cache });
    this.slots = new FairSlots(concurrency, WAITING_FACTOR * concurrency);
    metrics.gauge(
      'holdfast_authorization_breaker_open',
      '1 while the authorization webhook is left alone',
      () => +this.breaker.isOpen,
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
   * @param address what the client is counted by, if addresses are told apart.
   * @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable`
   */
  async connect(question: ConnectQuestion, address?: string): Promise<Permit<'connect'>> {
    return permitted(await this.ask('connect', question, address));
  }

  /**
   * @returns when the permission ends, on the clock of `performance.now()`; undefined if it does not.
   * @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable`
   */
  async subscribe(question: ChannelQuestion, questioner: Questioner): Promise<number | undefined> {
    const { answer, expiresAt } = await this.remembered('subscribe', question, questioner);
    permitted(answer);
    return expiresAt;
  }

  /** @throws ProtocolError `forbidden`, `unauthorized` or `authorization_unavailable` */
  async publish(question: ChannelQuestion, questioner: Questioner): Promise<void> {
    permitted((await this.remembered('publish', question, questioner)).answer);
  }

  /** One request for all who ask the same at once, and for those who ask a moment later. */
  private async remembered(
    action: 'subscribe' | 'publish',
    question: ChannelQuestion,
    questioner: Questioner,
  ): Promise<ChannelAnswer> {
    const { user, client, channel } = question;
    const key = JSON.stringify([action, channel, ...(user === undefined ? ['client', client] : ['user', user])]);
    const known = this.answers?.get(key);
    if (known !== undefined) {
      this.metrics.authorizations.inc({ action, outcome: 'cached' });
      return known;
    }
    let asked = this.asked.get(key);
    if (asked === undefined) {
      questioner.charge(QUESTION_COST);
      asked = this.askAboutChannel(action, question, key, questioner.address).finally(() => this.asked.delete(key));
      this.asked.set(key, asked);
    }
    return asked;
  }

  private async askAboutChannel(
    action: 'subscribe' | 'publish',
    question: ChannelQuestion,
    key: string,
    address: string | undefined,
  ): Promise<ChannelAnswer> {
    const answer = await this.ask(action, question, address);
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

  private async ask<A extends AuthorizedAction>(
    action: A,
    question: Questions[A],
    address: string | undefined,
  ): Promise<Answer<A>> {
    const stop = this.metrics.authorizationSeconds.startTimer({ action });
    try {
      const answer = await this.withinBounds(standingOf(question, address), () => this.post(action, question));
      this.metrics.authorizations.inc({ action, outcome: answer.allow ? 'allowed' : 'denied' });
      return answer;
    } catch (error) {
      const wasAsked = !(error instanceof NotRunError);
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

  private async withinBounds<T>(standing: Standing, post: () => Promise<T>): Promise<T> {
    const { key, voter, culprit } = standing;
    if (this.breaker.refusesAll || this.failing.mustWait(culprit)) throw new NotRunError();
    return this.slots.run(standing, this.config.webhooks.authorization.timeout, async () => {
      // Much may have failed while it waited.
      if (this.failing.mustWait(culprit) || !this.breaker.admits(key)) throw new NotRunError();
      try {
        const answer = await post();
        this.breaker.answered();
        this.failing.answered(culprit);
        return answer;
      } catch (error) {
        if (error instanceof OutboundError) {
          this.breaker.failed(voter, error.wasSent ? 'other' : 'unreachable');
          if (error.wasSent) this.failing.failed(culprit);
        }
        throw error;
      }
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

function standingOf({ user, client, token }: ConnectQuestion, address: string | undefined): Standing {
  if (user !== undefined) {
    const key = `user:${user}`;
    return { key, isProven: true, voter: key, culprit: key };
  }
  const key = address === undefined ? `client:${client}` : `address:${address}`;
  return {
    key,
    isProven: false,
    voter: address === undefined ? NOBODY : key,
    // Many may share an address, and one token is one question.
    culprit: token === undefined ? `client:${client}` : `token:${hash('sha256', token, 'base64url')}`,
  };
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

import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, verifiesTokens, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';
import { Metrics } from '../metrics/metrics.js';
import { sessionOfUser, type Session } from './session.js';
import { AuthorizationWebhook } from './authorization-webhook.js';
import { Authenticator } from './authenticator.js';
import { ANONYMOUS, type Identity } from './identity.js';

/** A client that wants to connect, or to stay connected. */
export interface Applicant {
  readonly session: Session;
  readonly token?: string | undefined;
  /** The page's origin, if the client is a browser. */
  readonly origin?: string | undefined;
  /** Absent if addresses are not told apart. */
  readonly address?: string | undefined;
}

/** Decides whether a client may connect, and as whom: by its token, and by the webhook if that is configured. */
@Injectable()
export class Admission {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(AuthorizationWebhook) private readonly webhook: AuthorizationWebhook,
  ) {}

  /** @throws ProtocolError `unauthorized`, `forbidden` or `authorization_unavailable` */
  async admit(applicant: Applicant): Promise<Identity> {
    return this.permit(applicant, await this.prove(applicant.token));
  }

  /** Whether {@link prove} can verify tokens. */
  get provesTokens(): boolean {
    // If nothing is configured that verifies tokens, they may have any form: only the backend understands them.
    return !this.webhook.asksAbout('connect') || verifiesTokens(this.config.auth.jwt);
  }

  /**
   * What a token proves by itself.
   *
   * @returns undefined if there is no token, or if only the backend can verify it.
   * @throws ProtocolError `unauthorized` or `authorization_unavailable`
   */
  prove(token: string | undefined): Promise<Identity | undefined> {
    if (token === undefined || !this.provesTokens) return Promise.resolve(undefined);
    return this.authenticator.connection(token);
  }

  /**
   * The second half of {@link admit}.
   *
   * @param proven what {@link prove} returned for the applicant's token.
   * @throws ProtocolError as {@link admit} does
   */
  async permit({ token, session, origin, address }: Applicant, proven: Identity | undefined): Promise<Identity> {
    const identity = proven ?? ANONYMOUS;
    if (!this.webhook.asksAbout('connect')) return this.withSize(identity);
    const { user, info } = identity;
    const { client } = sessionOfUser(session, user);
    const opaque = proven === undefined ? token : undefined;
    const permit = await this.webhook.connect(
      { user, info, client, origin, ...(opaque === undefined ? {} : { token: opaque }) },
      address,
    );
    return this.withSize(permittedBy(permit, identity));
  }

  /** Everybody who reads a list of members receives the `info` of each. */
  private withSize(identity: Identity): Identity {
    if (identity.info === undefined) return identity;
    const infoBytes = Buffer.byteLength(JSON.stringify(identity.info));
    const { maxInfo } = this.config.presence;
    if (infoBytes <= maxInfo) return { ...identity, infoBytes };
    this.metrics.limited.inc({ limit: 'info' });
    throw new ProtocolError('forbidden', `info exceeds presence.maxInfo (${maxInfo} bytes)`);
  }
}

type Permit = Awaited<ReturnType<AuthorizationWebhook['connect']>>;

/** The webhook's answer overrides the token, except for the expiry: the earlier one counts. */
function permittedBy({ user, info, channels, publish, expires }: Permit, identity: Identity): Identity {
  const expiresAt = Math.min(
    identity.expiresAt ?? Infinity,
    expires === undefined ? Infinity : performance.now() + expires * 1000,
  );
  const { expiresAt: _, ...rest } = identity;
  return {
    ...rest,
    ...(user === undefined ? {} : { user }),
    ...(info === undefined ? {} : { info }),
    ...(channels === undefined ? {} : { channels }),
    ...(publish === undefined ? {} : { publish }),
    ...(expiresAt === Infinity ? {} : { expiresAt }),
  };
}

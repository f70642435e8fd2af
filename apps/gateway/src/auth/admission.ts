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
  /** The page's, where it comes from a browser. */
  readonly origin?: string | undefined;
  /** Absent if addresses are not told apart. */
  readonly address?: string | undefined;
}

/** Decides whether a client may connect, and as who: by its token, and by the webhook where that is asked. */
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

  /** Whether {@link prove} can say who the owner of a token is. */
  get provesTokens(): boolean {
    // If nothing here verifies tokens they may be of any form: the backend knows its own.
    return !this.webhook.asksAbout('connect') || verifiesTokens(this.config.auth.jwt);
  }

  /**
   * What a token proves by itself.
   *
   * @returns undefined if there is no token, or if only the backend can verify it.
   * @throws ProtocolError `unauthorized` or `authorization_unavailable`
   */
  async prove(token: string | undefined): Promise<Identity | undefined> {
    return token === undefined || !this.provesTokens ? undefined : this.authenticator.connection(token);
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

  /** Everybody who reads a list of members is sent the `info` of each. */
  private withSize(identity: Identity): Identity {
    if (identity.info === undefined) return identity;
    const infoBytes = Buffer.byteLength(JSON.stringify(identity.info));
    const { maxInfo } = this.config.presence;
    if (infoBytes <= maxInfo) return { ...identity, infoBytes };
    this.metrics.limited.inc({ limit: 'info' });
    throw new ProtocolError('forbidden', `info: larger than presence.maxInfo, ${maxInfo} bytes`);
  }
}

type Permit = Awaited<ReturnType<AuthorizationWebhook['connect']>>;

/** What the webhook says takes the place of what the token says, but for the end: the earlier one counts. */
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

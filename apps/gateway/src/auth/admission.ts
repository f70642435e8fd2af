import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, verifiesTokens, type Config } from '../config/index.js';
import { sessionOfUser, type Session } from '../gateway/session.js';
import { AuthorizationWebhook } from '../webhooks/authorization-webhook.js';
import { Authenticator } from './authenticator.js';
import { ANONYMOUS, type Identity } from './identity.js';

/** A client that wants to connect, or to stay connected. */
export interface Applicant {
  readonly session: Session;
  readonly token?: string | undefined;
  /** The page's, where it comes from a browser. */
  readonly origin?: string | undefined;
}

/** Decides whether a client may connect, and as who: by its token, and by the webhook where that is asked. */
@Injectable()
export class Admission {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(AuthorizationWebhook) private readonly webhook: AuthorizationWebhook,
  ) {}

  /** @throws ProtocolError `unauthorized`, `forbidden` or `authorization_unavailable` */
  async admit({ token, session, origin }: Applicant): Promise<Identity> {
    const asksWebhook = this.webhook.asksAbout('connect');
    // Where nothing here verifies tokens they may be of any form: the backend knows its own.
    const isOpaque = asksWebhook && !verifiesTokens(this.config.auth.jwt);
    const identity = token === undefined || isOpaque ? ANONYMOUS : await this.authenticator.connection(token);
    if (!asksWebhook) return identity;
    const { user, info } = identity;
    const { client } = sessionOfUser(session, user);
    const permit = await this.webhook.connect({ user, info, client, origin, ...(isOpaque ? { token } : {}) });
    return permittedBy(permit, identity);
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

import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** The keys of an operator with one account, as `nsc` makes them: users authenticate with a JWT that the account signs. */
export class NatsOperator {
  readonly #operator = nkeys.createOperator();
  readonly #account = nkeys.createAccount();
  /** JetStream needs one for itself. */
  readonly #system = nkeys.createAccount();

  /** The lines of a server that knows the account, with JetStream for it. */
  get configuration(): string {
    const limits = { subs: -1, data: -1, payload: -1, conn: -1, leaf: -1, imports: -1, exports: -1 };
    const jetStream = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
    const [account, system] = [this.#account.getPublicKey(), this.#system.getPublicKey()];
    const accountJwt = this.#sign(account, { type: 'account', limits: { ...limits, ...jetStream } });
    const systemJwt = this.#sign(system, { type: 'account', limits });
    return [
      `operator: ${this.#sign(this.#operator.getPublicKey(), { type: 'operator' })}`,
      `system_account: ${system}`,
      'resolver: MEMORY',
      `resolver_preload { ${account}: ${accountJwt}, ${system}: ${systemJwt} }`,
    ].join('\n');
  }

  /**
   * The contents of a credentials file of a new user.
   *
   * @param seconds after which the server closes its connections; undefined for never.
   */
  creds(seconds?: number): string {
    const user = nkeys.createUser();
    const limits = { subs: -1, data: -1, payload: -1 };
    const jwt = sign(this.#account, user.getPublicKey(), { type: 'user', ...limits }, seconds);
    const seed = new TextDecoder().decode(user.getSeed());
    return [
      '-----BEGIN NATS USER JWT-----',
      jwt,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      seed,
      '------END USER NKEY SEED------',
      '',
    ].join('\n');
  }

  #sign(subject: string, nats: object): string {
    return sign(this.#operator, subject, nats);
  }
}

/** https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt */
function sign(issuer: KeyPair, subject: string, nats: object, seconds?: number): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    jti: crypto.randomUUID(),
    iat: now,
    ...(seconds !== undefined && { exp: now + seconds }),
    iss: issuer.getPublicKey(),
    name: subject,
    sub: subject,
    nats: { version: 2, ...nats },
  };
  const body = [{ typ: 'JWT', alg: 'ed25519-nkey' }, claims].map(encode).join('.');
  return `${body}.${Buffer.from(issuer.sign(Buffer.from(body))).toString('base64url')}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

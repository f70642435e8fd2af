import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Certificate } from './certificate.js';
import { freePort } from './free-port.js';
import { KafkaServer } from './kafka-server.js';

/** ms of a session of SCRAM-SHA-512, and at most of one with a token. */
export const SESSION = 5_000;

const PACKAGE = 'org.apache.kafka.common.security';

type Listener = 'sasl' | 'saslTls' | 'mutualTls';

/**
 * A node that also listens for SASL, SASL over TLS, and TLS with client certificates. Users: `ann` with the password `secret` for
 * PLAIN, `scram` with `first` for SCRAM, and any token that is not signed. A topic without ACLs is open to all of them.
 */
export class SecuredKafka {
  private constructor(
    readonly server: KafkaServer,
    readonly certificate: Certificate,
    private readonly ports: Readonly<Record<Listener, number>>,
  ) {}

  static async start(): Promise<SecuredKafka> {
    const certificate = await Certificate.make();
    const keyStore = `${certificate.key}-store.pem`;
    await writeFile(keyStore, `${await readFile(certificate.key, 'utf8')}${await readFile(certificate.cert, 'utf8')}`);
    const [port, controllerPort] = [await freePort(), await freePort()];
    const ports = { sasl: await freePort(), saslTls: await freePort(), mutualTls: await freePort() };
    const own = [
      `PLAINTEXT://127.0.0.1:${port}`,
      ...Object.entries(ports).map(([name, at]) => `${name}://127.0.0.1:${at}`),
    ];
    const advertised = own.join(',').toUpperCase();
    const lines = [
      `listeners=${advertised},CONTROLLER://127.0.0.1:${controllerPort}`,
      `advertised.listeners=${advertised}`,
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,SASLTLS:SASL_SSL,MUTUALTLS:SSL',
      'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
      ...mechanismsOf('sasl'),
      ...mechanismsOf('sasltls'),
      'ssl.keystore.type=PEM',
      `ssl.keystore.location=${keyStore}`,
      'ssl.truststore.type=PEM',
      `ssl.truststore.location=${certificate.cert}`,
      'listener.name.mutualtls.ssl.client.auth=required',
      'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users=User:ANONYMOUS',
      'allow.everyone.if.no.acl.found=true',
    ];
    return new SecuredKafka(await KafkaServer.start({ port, controllerPort, lines }), certificate, ports);
  }

  /** The URL of a topic. @param user `USER:PASSWORD` */
  url(listener: Listener, topic: string, parameters: Readonly<Record<string, string>> = {}, user = ''): string {
    const isTls = listener !== 'sasl';
    const tls = { tlsCa: this.certificate.cert, tlsServerName: this.certificate.host };
    const query = new URLSearchParams({ partitions: '8', ...(isTls && tls), ...parameters }).toString();
    const credentials = user === '' ? '' : `${user}@`;
    return `kafka${isTls ? '+tls' : ''}://${credentials}127.0.0.1:${this.ports[listener]}/${topic}?${query}`;
  }

  /** A path for a file that a URL names. */
  path(name: string): string {
    return join(this.server.directory, name);
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.certificate.remove();
  }
}

/** A token that the server's default, unsecured validator accepts. @param lifetime ms */
export function unsignedToken(user: string, lifetime: number): string {
  const now = Date.now() / 1_000;
  return `${base64Url({ alg: 'none' })}.${base64Url({ sub: user, iat: now, exp: now + lifetime / 1_000 })}.`;
}

function base64Url(claims: object): string {
  return Buffer.from(JSON.stringify(claims)).toString('base64url');
}

/** Lines for the SASL mechanisms of a listener. */
function mechanismsOf(listener: string): string[] {
  return [
    `listener.name.${listener}.plain.sasl.jaas.config=${PACKAGE}.plain.PlainLoginModule required user_ann="secret";`,
    `listener.name.${listener}.scram-sha-256.sasl.jaas.config=${PACKAGE}.scram.ScramLoginModule required;`,
    `listener.name.${listener}.scram-sha-512.sasl.jaas.config=${PACKAGE}.scram.ScramLoginModule required;`,
    `listener.name.${listener}.oauthbearer.sasl.jaas.config=${PACKAGE}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="kafka";`,
    `listener.name.${listener}.scram-sha-512.connections.max.reauth.ms=${SESSION}`,
    `listener.name.${listener}.oauthbearer.connections.max.reauth.ms=${SESSION}`,
  ];
}

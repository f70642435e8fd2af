import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT, type JWTPayload } from 'jose';
import { HttpServer, json } from './http-server.js';

/** Signs tokens, and publishes the keys for them at a URL. */
export class Issuer {
  private readonly keys = new Map<string, KeyObject>();
  /** Replaces the whole response. */
  answer: HttpServer['answer'] | undefined;

  private constructor(readonly server: HttpServer) {}

  static async start(...kids: string[]): Promise<Issuer> {
    const server = await HttpServer.start((response, received) => {
      if (issuer.answer === undefined) json(response, issuer.keySet());
      else issuer.answer(response, received);
    });
    const issuer = new Issuer(server);
    for (const kid of kids) issuer.publish(kid);
    return issuer;
  }

  get url(): string {
    return `${this.server.url}/keys`;
  }

  get fetches(): number {
    return this.server.received.length;
  }

  /** Creates a key, and publishes it from now on. */
  publish(kid: string): void {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.keys.set(kid, privateKey);
  }

  withdraw(kid: string): void {
    this.keys.delete(kid);
  }

  keySet(): { keys: object[] } {
    return {
      keys: Array.from(this.keys, ([kid, key]) => {
        const { d: _private, ...jwk } = key.export({ format: 'jwk' });
        return { ...jwk, kid, alg: 'ES256', use: 'sig' };
      }),
    };
  }

  sign(kid: string, claims: JWTPayload, header: object = { kid }): Promise<string> {
    const key = this.keys.get(kid);
    if (key === undefined) throw new Error(`unknown key ${kid}`);
    return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', ...header }).sign(key);
  }
}

import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { HttpServer, json, type Received } from './http-server.js';

export function webhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** The verified payload of a webhook request. */
export interface WebhookRequest {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Record<string, unknown>;
}

/** A team's backend that responds to webhooks, and rejects requests that are not signed. */
export class Backend {
  /** The secrets that the receiver knows; a request that is signed with none of them is rejected. */
  secrets: string[] = [webhookSecret()];
  /** Replaces the whole response. */
  fault: HttpServer['answer'] | undefined;
  readonly requests: WebhookRequest[] = [];
  /** The number of requests that were signed with none of the secrets. */
  unsigned = 0;

  private constructor(
    readonly server: HttpServer,
    private readonly respond: (request: WebhookRequest) => unknown,
  ) {}

  /** @param respond returns the body of the response, possibly as a promise. */
  static async start(respond: (request: WebhookRequest) => unknown = () => ({})): Promise<Backend> {
    const server = await HttpServer.start((response, received) => {
      const request = backend.verify(received);
      if (request === undefined) {
        backend.unsigned += 1;
        json(response, {}, 401);
        return;
      }
      backend.requests.push(request);
      if (backend.fault !== undefined) backend.fault(response, received);
      else void Promise.resolve(backend.respond(request)).then((answer) => json(response, answer));
    });
    const backend = new Backend(server, respond);
    return backend;
  }

  get url(): string {
    return `${this.server.url}/holdfast`;
  }

  /** The environment of a gateway that uses this backend for authorization. */
  get env(): NodeJS.ProcessEnv {
    return { HOLDFAST_WEBHOOK_SECRET: this.secrets.join(), HOLDFAST_AUTHORIZATION_URL: this.url };
  }

  requestsOf(type: string): Record<string, unknown>[] {
    return this.requests.filter((request) => request.type === type).map(({ data }) => data);
  }

  /** With the library that is recommended to receivers. */
  private verify({ headers, body }: Received): WebhookRequest | undefined {
    for (const secret of this.secrets) {
      try {
        return new Webhook(secret).verify(body, headers as Record<string, string>) as WebhookRequest;
      } catch {
        // It may be signed with another secret.
      }
    }
    return undefined;
  }
}

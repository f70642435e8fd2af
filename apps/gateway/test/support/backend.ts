import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { HttpServer, json, type Received } from './http-server.js';

export function webhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/** What a webhook was sent, its signature verified. */
export interface Question {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Record<string, unknown>;
}

/** A team's backend that answers webhooks, and takes nothing that is not signed. */
export class Backend {
  /** By what the receiver knows; a call that takes none of them is refused. */
  secrets: string[] = [webhookSecret()];
  /** Replaces the whole answer. */
  fault: HttpServer['answer'] | undefined;
  readonly questions: Question[] = [];
  /** How many requests were not signed by one of the secrets. */
  unsigned = 0;

  private constructor(
    readonly server: HttpServer,
    private readonly decide: (question: Question) => unknown,
  ) {}

  /** @param decide gives the answer's body, at once or later. */
  static async start(decide: (question: Question) => unknown = () => ({})): Promise<Backend> {
    const server = await HttpServer.start((response, received) => {
      const question = backend.verify(received);
      if (question === undefined) {
        backend.unsigned += 1;
        json(response, {}, 401);
        return;
      }
      backend.questions.push(question);
      if (backend.fault !== undefined) backend.fault(response, received);
      else void Promise.resolve(backend.decide(question)).then((answer) => json(response, answer));
    });
    const backend = new Backend(server, decide);
    return backend;
  }

  get url(): string {
    return `${this.server.url}/holdfast`;
  }

  /** The variables of a gateway that asks this backend. */
  get env(): NodeJS.ProcessEnv {
    return { HOLDFAST_WEBHOOK_SECRET: this.secrets.join(), HOLDFAST_AUTHORIZATION_URL: this.url };
  }

  asked(type: string): Record<string, unknown>[] {
    return this.questions.filter((question) => question.type === type).map(({ data }) => data);
  }

  /** By the library that receivers are advised to use. */
  private verify({ headers, body }: Received): Question | undefined {
    for (const secret of this.secrets) {
      try {
        return new Webhook(secret).verify(body, headers as Record<string, string>) as Question;
      } catch {
        // Another secret may be the one.
      }
    }
    return undefined;
  }
}

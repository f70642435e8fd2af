import { FakeGateway } from '../../libs/client/test/fake-gateway.ts';
import { Testee } from './testee.ts';

export const CHANNEL = 'conformance:room';

/** A gateway that plays a script, and a client that uses the library under test. */
export interface ClientContext extends AsyncDisposable {
  readonly gateway: FakeGateway;
  /** Starts the client, once the gateway is prepared. */
  start(): Testee;
}

/** @param command starts the program under test. */
export async function openClientContext(command: string): Promise<ClientContext> {
  const gateway = await FakeGateway.listen();
  let testee: Testee | undefined;
  return {
    gateway,
    start() {
      testee = new Testee(command, { HOLDFAST_URL: gateway.url, HOLDFAST_CHANNEL: CHANNEL });
      return testee;
    },
    async [Symbol.asyncDispose]() {
      try {
        await testee?.end();
      } finally {
        await gateway.close();
      }
      // Every frame is checked in every scenario.
      const [violation] = gateway.violations;
      if (violation !== undefined) throw new Error(`the client sent ${violation}`);
    },
  };
}

import type { JWTPayload } from 'jose';
import type { TestGateway } from './gateway.js';
import type { TestClient } from './test-client.js';
import { signToken } from './tokens.js';

/** Connects with a token of these claims. */
export async function connectAs(gateway: TestGateway, claims: JWTPayload, session?: string): Promise<TestClient> {
  const query = new URLSearchParams({ access_token: await signToken(claims), ...(session && { session }) });
  return gateway.connect(`?${query}`);
}

/** The data of the error that a request is refused by. */
export async function refusal(request: Promise<unknown>): Promise<{ code: string; message: string }> {
  return request.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: unknown) => error as { code: string; message: string },
  );
}

import type { JWTPayload } from 'jose';
import type { TestGateway } from './gateway.js';
import type { TestClient } from './test-client.js';
import { signToken } from './tokens.js';

/** Connects with a token with these claims. */
export async function connectAs(gateway: TestGateway, claims: JWTPayload, session?: string): Promise<TestClient> {
  const query = new URLSearchParams({ access_token: await signToken(claims), ...(session && { session }) });
  return gateway.connect(`?${query}`);
}

/** The error with which a request is refused. */
export async function refusal(request: Promise<unknown>): Promise<{ code: string; message: string }> {
  return request.then(
    () => {
      throw new Error('the request was not refused');
    },
    (error: unknown) => error as { code: string; message: string },
  );
}

/** The errors with which requests that were sent together are refused. */
export async function refusals(requests: Promise<unknown>[]): Promise<{ code: string; message: string }[]> {
  return Promise.all(requests.map(refusal));
}

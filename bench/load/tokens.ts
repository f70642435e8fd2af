import { SignJWT } from 'jose';

export const JWT_SECRET = 'what-the-tokens-of-the-benchmark-are-signed-with';
export const API_KEY = 'an-api-key-of-the-benchmark';

const key = new TextEncoder().encode(JWT_SECRET);
const tokens: string[] = [];

/** One token per user, the same for all servers. They are signed before the measurements. */
export async function availableTokens(count: number): Promise<readonly string[]> {
  while (tokens.length < count) {
    tokens.push(
      await new SignJWT({ sub: `user-${tokens.length}`, channels: ['*'], publish: ['*'] })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuedAt()
        .setExpirationTime('12h')
        .sign(key),
    );
  }
  return tokens;
}

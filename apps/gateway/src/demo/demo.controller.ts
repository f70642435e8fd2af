import { createHash } from 'node:crypto';
import { Controller, Get, Header, HttpCode, Inject, Post } from '@nestjs/common';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { JsonBody } from '../http/json-body.js';
import { CONFIG, type Config } from '../config/index.js';
import { ProtocolError } from '../errors/protocol-error.js';

const NAMESPACE = 'chat';
const ROOMS = ['lobby', 'random', 'help'];

const TOKEN_SECONDS = 3600;

const guestSchema = z.strictObject({ name: z.string().trim().min(1).max(40), secret: z.string().min(16).max(100) });

/** What the chat page needs from a backend: where to chat, and a token for a guest. */
@Controller('demo')
export class DemoController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Get('config')
  @Header('Cache-Control', 'no-store')
  settings(): { namespace: string; rooms: string[]; anonymous: boolean } {
    return { namespace: NAMESPACE, rooms: ROOMS, anonymous: this.config.auth.anonymous };
  }

  /** Lets anybody chat under any name. The page's secret proves that a returning guest is the same. */
  @Post('token')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async token(
    @JsonBody(guestSchema) guest: z.output<typeof guestSchema>,
  ): Promise<{ token: string; user: string; expires: number }> {
    const [secret] = this.config.auth.jwt.secrets.current;
    if (secret === undefined)
      throw new ProtocolError('not_found', 'the demo needs a secret to sign tokens with: set HOLDFAST_JWT_SECRET');
    const user = `guest-${createHash('sha256').update(guest.secret).digest('base64url').slice(0, 12)}`;
    const { issuer, audience } = this.config.auth.jwt;
    const jwt = new SignJWT({
      info: { name: guest.name },
      channels: [`${NAMESPACE}:*`],
      publish: [`${NAMESPACE}:*`],
      ...(issuer === undefined ? {} : { iss: issuer }),
      ...(audience === undefined ? {} : { aud: audience }),
    });
    const token = await jwt
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(user)
      .setIssuedAt()
      .setExpirationTime(`${TOKEN_SECONDS}s`)
      .sign(new TextEncoder().encode(secret));
    return { token, user, expires: TOKEN_SECONDS * 1000 };
  }
}

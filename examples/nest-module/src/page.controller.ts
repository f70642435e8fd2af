import { readFile } from 'node:fs/promises';
import { JsonBody } from '@holdfast/gateway';
import { Controller, Get, Header, HttpCode, Post } from '@nestjs/common';
import { SignJWT } from 'jose';
import { z } from 'zod';

const signInSchema = z.strictObject({ user: z.string().regex(/^\w{1,20}$/) });

/** The page, and the token for it. Scripts have files of their own: the gateway's headers forbid those inside a page. */
@Controller()
export class PageController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  page(): Promise<string> {
    return readFile(new URL('../page/index.html', import.meta.url), 'utf8');
  }

  @Get('page.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): Promise<string> {
    return readFile(new URL('../page/page.js', import.meta.url), 'utf8');
  }

  @Get('holdfast.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  library(): Promise<string> {
    return readFile(new URL(import.meta.resolve('@holdfast/client')), 'utf8');
  }

  /** Yours asks for a password. This one believes any name. */
  @Post('shop/sign-in')
  @HttpCode(200)
  async signIn(@JsonBody(signInSchema) { user }: z.output<typeof signInSchema>): Promise<{ token: string }> {
    const secret = new TextEncoder().encode(process.env['HOLDFAST_JWT_SECRET']);
    const token = await new SignJWT({ channels: ['stock:*'] })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(user)
      .setExpirationTime('10 min')
      .sign(secret);
    return { token };
  }
}

import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

const {
  GATEWAY_API_KEY,
  HOLDFAST_JWT_SECRET,
  HOLDFAST_URL = 'http://localhost:8000',
  HOLDFAST_WEBHOOK_SECRET,
} = process.env;

const webhook = new Webhook(HOLDFAST_WEBHOOK_SECRET);

function encode(part) {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** Which rooms the user may read, where Socket.IO had a `join`. */
export function tokenFor(user) {
  const claims = { sub: user, exp: Math.floor(Date.now() / 1000) + 600, channels: ['chat:lobby'] };
  const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${content}.${createHmac('sha256', HOLDFAST_JWT_SECRET).update(content).digest('base64url')}`;
}

let last = Promise.resolve();

/** Publishes one message after the other, each until it is stored. With the key, repeating it is harmless. */
export function publish(channel, data, key) {
  last = publishAfter(last, channel, data, key);
}

async function publishAfter(previous, channel, data, key) {
  await previous;
  while (!(await isStored(channel, data, key))) await new Promise((resolve) => setTimeout(resolve, 1000));
}

async function isStored(channel, data, key) {
  try {
    const response = await fetch(`${HOLDFAST_URL}/api/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${GATEWAY_API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ channel, data, key }),
      signal: AbortSignal.timeout(10_000),
    });
    if (response.ok) return true;
    console.error(`not published: ${response.status} ${await response.text()}`);
    return response.status < 500 && response.status !== 429; // it would be refused again
  } catch (error) {
    console.error(`not published: ${error.message}`);
    return false;
  }
}

/** A call of a client. @throws Error if the gateway did not sign it. */
export async function callIn(request) {
  const { data: call } = webhook.verify(Buffer.concat(await request.toArray()), request.headers);
  return call;
}

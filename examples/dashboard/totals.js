import { Redis } from 'ioredis';

// Reads the orders from the queue, adds them up, and publishes the sums.

const { GATEWAY_API_KEY, HOLDFAST_URL = 'http://localhost:8000', REDIS_URL } = process.env;

const redis = new Redis(REDIS_URL);

/** The sums, and the order up to which they count. Stored together, so that a restart counts no order twice. */
const { position, ...sums } = JSON.parse(await redis.get('totals')) ?? { position: '0', orders: 0, revenue: 0 };

for (let last = position; ;) {
  while (!(await isPublished('metrics:shop', sums, last))) await new Promise((resolve) => setTimeout(resolve, 1000));
  // All that have come meanwhile: if there is more to do, it publishes less often.
  const [[, orders]] = await redis.xread('COUNT', 10_000, 'BLOCK', 0, 'STREAMS', 'orders', last);
  for (const [id, [, price]] of orders) {
    sums.orders += 1;
    sums.revenue += Number(price);
    last = id;
  }
  await redis.set('totals', JSON.stringify({ position: last, ...sums }));
}

/** Publishes whole values, not changes: pages may skip some. With the key, repeating it is harmless. */
async function isPublished(channel, data, key) {
  try {
    const response = await fetch(`${HOLDFAST_URL}/api/publish`, {
      method: 'POST',
      headers: { authorization: `Bearer ${GATEWAY_API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ channel, data, key }),
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) console.error(`not published: ${response.status} ${await response.text()}`);
    return response.ok;
  } catch (error) {
    console.error(`not published: ${error.message}`);
    return false;
  }
}

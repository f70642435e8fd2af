import { Redis } from 'ioredis';

// Stands for your shop: it puts each order into the queue, and knows nothing of dashboards.

const redis = new Redis(process.env.REDIS_URL);

setInterval(() => {
  const price = 2 + Math.floor(Math.random() * 5);
  void redis.xadd('orders', 'MAXLEN', '~', 100_000, '*', 'price', price).catch(console.error);
}, 20);

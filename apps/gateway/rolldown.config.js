import { defineConfig } from 'rolldown';

// One file in place of 1,600: loading them took more than half of the time until the gateway of an image is ready.
export default defineConfig({
  input: 'dist/main.js',
  platform: 'node',
  external: [
    // It loads optional native addons by name.
    'ws',
    // Brokers' clients, which only a gateway with such a broker loads. Some read files beside their modules.
    /^@platformatic\/kafka/,
    'amqplib',
    /^@nats-io\//,
    '@google-cloud/pubsub',
    'google-gax',
    'pg',
    // What Nest asks for and does without.
    /^@nestjs\/(?:microservices|platform-express|platform-socket\.io)(?:\/|$)/,
    '@fastify/multipart',
    '@fastify/view',
    'class-transformer',
    'class-validator',
  ],
  transform: { define: { __dirname: 'import.meta.dirname' } },
  // Nest knows providers by the names of their classes.
  output: { dir: 'dist/bundle', format: 'esm', keepNames: true },
});

import { defineConfig } from 'rolldown';

const common = { platform: 'node', transform: { define: { __dirname: 'import.meta.dirname' } } };

// One file in place of 1,600: loading them took more than half of the time until the gateway of an image is ready.
const gateway = defineConfig({
  ...common,
  input: 'dist/main.js',
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
  // Nest knows providers by the names of their classes.
  output: { dir: 'dist/bundle', format: 'esm', keepNames: true },
});

// The parser of the configuration, which the `holdfast` command uses.
const parser = defineConfig({
  ...common,
  input: 'dist/config/parser.js',
  output: { dir: 'dist/bundle/config', format: 'esm' },
});

export default [gateway, parser];

import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The tag of the gateway's image: E2E_IMAGE_TAG, or the release. */
const GATEWAY_TAG = process.env['E2E_IMAGE_TAG'] ?? version;

/** The tag of Redis: E2E_REDIS_TAG, or the chart's. */
export const REDIS_TAG = process.env['E2E_REDIS_TAG'];

export const GATEWAY_IMAGE = `docker.io/holdfast/gateway:${GATEWAY_TAG}`;

/** The servers of Kafka, RabbitMQ and NATS, see brokers/Dockerfile. */
export const BROKERS_IMAGE = 'docker.io/holdfast/brokers:e2e';

/** See prometheus/Dockerfile. */
export const PROMETHEUS_IMAGE = 'docker.io/holdfast/prometheus:e2e';

/** The values of every release: the images that the cluster has. */
export const IMAGE_VALUES = {
  image: { tag: GATEWAY_TAG },
  ...(REDIS_TAG !== undefined && { redis: { image: { tag: REDIS_TAG } } }),
};

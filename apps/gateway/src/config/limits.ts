import { z } from 'zod';
import { seconds, setting } from './setting.js';

/** A rate with a burst, for a `LeakyBucket`. */
function rateSchema(what: string, burst: number, perSecond: number, unit?: 'bytes') {
  const options = unit === undefined ? {} : { unit };
  return z
    .strictObject({
      burst: setting(z.int().min(1).max(1_000_000_000).prefault(burst), {
        description: `How many ${what} may come at once.`,
        ...options,
      }),
      perSecond: setting(z.number().min(0.01).max(1_000_000_000).prefault(perSecond), {
        description: `How many more ${what} may come each second.`,
        ...options,
      }),
    })
    .prefault({});
}

function countSchema(description: string, count: number) {
  return setting(z.int().min(1).max(10_000_000).prefault(count), { description });
}

/** What one peer, one user or all together may ask of a pod. Each pod counts for itself. */
export function limitsSchema() {
  return z
    .strictObject({
      trustedHops: setting(z.int().min(0).max(16).exactOptional(), {
        description:
          "How many proxies in front of the gateway append a client's address to `X-Forwarded-For`. Entries before " +
          'those are not trusted. 0 if clients reach the pod directly. Limits per address are off until this is ' +
          'set, since all clients behind an unknown proxy would count as one.',
        env: 'HOLDFAST_TRUSTED_HOPS',
        otherwise: 'limits per address are off',
      }),
      privateAddresses: setting(z.boolean().prefault(true), {
        description:
          'Whether clients with a private address (RFC 1918, RFC 6598, loopback, link-local, `fc00::/7`) are ' +
          'limited by address. Switch it off if proxies may see addresses of nodes instead of clients, for example ' +
          'behind a Service with `externalTrafficPolicy: Cluster`: all clients of a node would count as one.',
      }),
      connections: z
        .strictObject({
          perPod: setting(z.int().min(1).max(10_000_000).exactOptional(), {
            description: 'How many clients may be connected to a pod.',
            env: 'HOLDFAST_MAX_CONNECTIONS',
            otherwise: 'as many as fit into `limits.memory`',
          }),
          perUser: countSchema('How many clients of one user may be connected to a pod.', 100),
          perAddress: countSchema(
            'How many clients of one IP address (for IPv6: of one /64 network) may be connected to a pod.',
            1_000,
          ),
        })
        .prefault({}),
      connectionRate: z
        .strictObject({
          perPod: rateSchema('upgrades of a pod', 2_000, 500),
          perAddress: rateSchema('upgrades from one address', 200, 50),
        })
        .prefault({}),
      pending: countSchema(
        'How many TCP connections may be open that are not a WebSocket and have no request in progress. With ' +
          'more, the one that was idle for longest is closed.',
        2_000,
      ),
      verifying: countSchema(
        'How many upgrades may wait for the authorization webhook or for the keys of an identity provider, a quarter of ' +
          'them from one address.',
        1_000,
      ),
      upgradeTimeout: setting(seconds(1, 60).prefault(10), {
        description:
          'The time within which the head of a request must arrive, counted from the start of its connection.',
        unit: 'seconds',
      }),
      maxHeader: setting(z.int().min(1_024).max(1_048_576).prefault(16_384), {
        description: 'The largest head of a request: its target and all of its headers.',
        unit: 'bytes',
      }),
      subscriptions: countSchema('How many channels one connection may be subscribed to.', 1_000),
      channels: setting(z.int().min(1).max(10_000_000).exactOptional(), {
        description: 'How many channels may have subscribers on a pod.',
        otherwise: 'as many as fit into `limits.memory`',
      }),
      memory: setting(z.int().min(1_048_576).max(1_099_511_627_776).exactOptional(), {
        description:
          'How much memory all connections, subscriptions and channels of a pod may take together. See ' +
          'docs/limits.md for the cost of each.',
        unit: 'bytes',
        otherwise: '60 % of what the heap may hold beyond 48 MiB: 64 MiB in the default pod of the chart',
      }),
      userShare: setting(z.number().min(0.001).max(1).prefault(0.1), {
        description:
          'The share of `limits.memory` for one user, or for the anonymous clients of one address. Raise it if a ' +
          'backend connects as a single user.',
      }),
      anonymousShare: setting(z.number().min(0.001).max(1).exactOptional(), {
        description: 'The share of `limits.memory` for all anonymous clients together.',
        otherwise: '0.75; 1 if nothing is configured that identifies users',
      }),
      buffered: setting(z.int().min(1_048_576).max(1_099_511_627_776).exactOptional(), {
        description:
          'How much may wait to be sent to all connections of a pod together. With more, the connections of the ' +
          'users with the most are closed with 1013.',
        unit: 'bytes',
        otherwise: 'an eighth of the memory limit',
      }),
      frames: rateSchema('frames of one connection (including pings)', 2_000, 200),
      bytes: rateSchema('bytes of one connection', 8_388_608, 1_048_576, 'bytes'),
      userFrames: rateSchema('frames of one user, on all connections together', 2_000, 200),
      userBytes: rateSchema('bytes of one user, on all connections together', 16_777_216, 2_097_152, 'bytes'),
      publishes: rateSchema('publishes of one user or anonymous client', 500, 100),
      publishedBytes: rateSchema('bytes published by one user or anonymous client', 25_165_824, 32_768, 'bytes'),
      newChannels: rateSchema(
        'channels without recent use, for one user or anonymous client to subscribe or publish to,',
        5_000,
        2,
      ),
      readBytes: rateSchema(
        'bytes of histories, replays and lists of members, for one user or anonymous client,',
        33_554_432,
        1_048_576,
        'bytes',
      ),
      presenceChanges: rateSchema('joins and leaves of one user or anonymous client', 3_000, 10),
      apiRequests: rateSchema(
        'requests with one API key (each publication of a batch or broadcast counts)',
        5_000,
        1_000,
      ),
    })
    .prefault({});
}

/** When a pod accepts no more connections, and asks clients to connect elsewhere. */
export function overloadSchema() {
  return z
    .strictObject({
      maxEventLoopDelay: setting(seconds(0.01, 60).prefault(0.5), {
        description: 'The longest delay of the event loop, averaged over a second. It has recovered at half of it.',
        unit: 'seconds',
      }),
      maxMemory: setting(z.number().min(0.1).max(1).prefault(0.85), {
        description:
          "The share of the memory limit (the container's, or else the machine's memory) that may be used. It has " +
          'recovered at nine tenths of it.',
      }),
      shedAfter: setting(seconds(0, 3_600).prefault(5), {
        description: 'How long an overload lasts before clients are asked to connect elsewhere.',
        unit: 'seconds',
      }),
      shedShare: setting(z.number().min(0).max(1).prefault(0.01), {
        description: 'The share of the connections that is asked each second; 0 asks nobody. No connection is closed.',
      }),
    })
    .prefault({});
}

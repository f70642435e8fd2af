import { z } from 'zod';
import { seconds, setting } from './setting.js';

/** A rate with a burst, as a `LeakyBucket` takes it. */
function rateSchema(what: string, burst: number, perSecond: number, unit?: 'bytes') {
  const options = unit === undefined ? {} : { unit };
  return z
    .strictObject({
      burst: setting(z.int().min(1).max(1_000_000_000).prefault(burst), {
        description: `How many ${what} may come at once.`,
        ...options,
      }),
      perSecond: setting(z.number().min(0.01).max(1_000_000_000).prefault(perSecond), {
        description: `How many ${what} more each second.`,
        ...options,
      }),
    })
    .prefault({});
}

function countSchema(description: string, count: number) {
  return setting(z.int().min(1).max(10_000_000).prefault(count), { description });
}

/** What one peer, one user or everybody together may ask of a pod. All of it is counted by each pod for itself. */
export function limitsSchema() {
  return z
    .strictObject({
      trustedHops: setting(z.int().min(0).max(16).exactOptional(), {
        description:
          "How many proxies in front of the gateway add a client's address to `X-Forwarded-For`: what stands before the " +
          'last so many is never believed. 0 where clients reach the pod themselves. Limits per address are off until ' +
          'this is set, since all clients of an unknown proxy would count as one.',
        env: 'HOLDFAST_TRUSTED_HOPS',
        otherwise: 'limits per address are off',
      }),
      privateAddresses: setting(z.boolean().prefault(true), {
        description:
          'Whether clients with a private address (RFC 1918, RFC 6598, loopback, link-local, `fc00::/7`) are limited by it. ' +
          'Switch it off if a proxy may see the addresses of nodes in place of those of clients, as behind a Service with ' +
          '`externalTrafficPolicy: Cluster`: all clients of a node would count as one.',
      }),
      connections: z
        .strictObject({
          perPod: setting(z.int().min(1).max(10_000_000).exactOptional(), {
            description: 'How many clients may be connected to a pod.',
            env: 'HOLDFAST_MAX_CONNECTIONS',
            otherwise: 'as many as fit into `limits.memory`',
          }),
          perUser: countSchema('How many clients of one user may be connected to a pod.', 100),
          perAddress: countSchema('How many clients of one IP address (of one /64 network of IPv6) may be.', 1_000),
        })
        .prefault({}),
      connectionRate: z
        .strictObject({
          perPod: rateSchema('upgrades of a pod', 2_000, 500),
          perAddress: rateSchema('upgrades from one address', 200, 50),
        })
        .prefault({}),
      pending: countSchema(
        'How many TCP connections may be open that are no WebSocket and have no request under way. Beyond it the one ' +
          'that did nothing for longest is ended.',
        2_000,
      ),
      verifying: countSchema(
        'How many upgrades may wait for the authorization webhook or for the keys of an identity provider, a quarter of ' +
          'them from one address.',
        1_000,
      ),
      upgradeTimeout: setting(seconds(1, 60).prefault(10), {
        description: 'Within which the head of a request must have come, counted from the beginning of its connection.',
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
          'What the connections, subscriptions and channels of a pod may take of its memory, all together. See ' +
          'docs/limits.md for what each of them counts.',
        unit: 'bytes',
        otherwise: '60 % of what the heap may hold beyond 48 MiB: 64 MiB in the default pod of the chart',
      }),
      userShare: setting(z.number().min(0.001).max(1).prefault(0.1), {
        description:
          'The share of `limits.memory` that one user may take, or the anonymous clients of one address. Raise it if a ' +
          'backend connects as a single user.',
      }),
      anonymousShare: setting(z.number().min(0.001).max(1).exactOptional(), {
        description: 'The share of `limits.memory` that all anonymous clients together may take.',
        otherwise: '0.75; 1 if nothing is set that tells users apart',
      }),
      buffered: setting(z.int().min(1_048_576).max(1_099_511_627_776).exactOptional(), {
        description:
          'What may wait to be sent to all connections of a pod together. Beyond it, those for whom most waits are closed ' +
          'with 1013.',
        unit: 'bytes',
        otherwise: 'an eighth of the memory limit',
      }),
      frames: rateSchema('frames of one connection, pings included,', 2_000, 200),
      bytes: rateSchema('bytes of one connection', 8_388_608, 1_048_576, 'bytes'),
      userFrames: rateSchema('frames of one user, on all of its connections together,', 2_000, 200),
      userBytes: rateSchema('bytes of one user, on all of its connections together,', 16_777_216, 2_097_152, 'bytes'),
      publishes: rateSchema('publishes of one user, or of one anonymous client,', 500, 100),
      publishedBytes: rateSchema(
        'bytes published by one user, or by one anonymous client,',
        25_165_824,
        32_768,
        'bytes',
      ),
      newChannels: rateSchema(
        'channels that nobody used lately and that one user, or one anonymous client, subscribes or publishes to',
        5_000,
        2,
      ),
      readBytes: rateSchema(
        'bytes of histories, replays and lists of members read for one user, or for one anonymous client,',
        33_554_432,
        1_048_576,
        'bytes',
      ),
      presenceChanges: rateSchema('joins and leaves of one user, or of one anonymous client,', 3_000, 10),
      apiRequests: rateSchema(
        'requests under one API key, each publication of a batch or broadcast counting as one,',
        5_000,
        1_000,
      ),
    })
    .prefault({});
}

/** When a pod takes no more connections, and asks those that it has to go elsewhere. */
export function overloadSchema() {
  return z
    .strictObject({
      maxEventLoopDelay: setting(seconds(0.01, 60).prefault(0.5), {
        description: 'How late the event loop may be, on average over a second. It has recovered at half of it.',
        unit: 'seconds',
      }),
      maxMemory: setting(z.number().min(0.1).max(1).prefault(0.85), {
        description:
          "The share of the memory limit (the container's, or else the machine's memory) that may be in use. It has " +
          'recovered at nine tenths of it.',
      }),
      shedAfter: setting(seconds(0, 3_600).prefault(5), {
        description: 'How long an overload lasts before clients are asked to connect elsewhere.',
        unit: 'seconds',
      }),
      shedShare: setting(z.number().min(0).max(1).prefault(0.01), {
        description: 'The share of the connections that is asked each second; 0 asks nobody. Nobody is closed.',
      }),
    })
    .prefault({});
}

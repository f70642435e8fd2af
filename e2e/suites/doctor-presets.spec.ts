import { afterEach, describe, expect, it, vi } from 'vitest';
import { addresses, type BrokerKind } from '../brokers/broker-kind.js';
import { KAFKA } from '../brokers/kafka.js';
import { NATS } from '../brokers/nats.js';
import { POSTGRES } from '../brokers/postgres.js';
import { RABBITMQ } from '../brokers/rabbitmq.js';
import { BrokerServers } from '../brokers/servers.js';
import { examine } from '../doctor/examine.js';
import { Cluster } from '../support/cluster.js';
import { Namespace } from '../support/namespace.js';
import { CHART, QUICK, Release, type Values } from '../support/release.js';

/** How long a release may take to settle: an autoscaler needs a minute. */
const SETTLES_WITHIN = 120_000;

/** The presets that a cluster can have without a cloud. One pod is a choice, of which doctor informs. */
const WITHOUT_BROKER: readonly (readonly [preset: string | undefined, findings: readonly string[]])[] = [
  [undefined, []],
  ['small', ['HF507']],
  ['development', ['HF507']],
];

const BROKERS: readonly (readonly [preset: string, kind: BrokerKind])[] = [
  ['kafka', KAFKA],
  ['nats', NATS],
  ['rabbitmq', RABBITMQ],
  ['postgresql', POSTGRES],
];

describe.skipIf(process.env['E2E_DOCTOR'] !== '1')('holdfast doctor', () => {
  let namespace: Namespace;
  afterEach(() => namespace.remove());

  /** Resolves when doctor finds these, and nothing else. */
  async function expectFindings(preset: string | undefined, values: Values, ids: readonly string[]): Promise<void> {
    const release = new Release(namespace);
    await release.apply(values, preset === undefined ? [] : ['--values', `${CHART}/presets/${preset}.yaml`]);
    await vi.waitFor(
      async () => {
        const { findings } = await examine(release);
        expect(
          findings.map(({ id }) => id),
          JSON.stringify(findings, undefined, 2),
        ).toEqual(ids);
      },
      { timeout: SETTLES_WITHIN, interval: 500 },
    );
  }

  async function create(name: string, data: Readonly<Record<string, string>>): Promise<void> {
    await namespace.cluster.core.createNamespacedSecret({
      namespace: namespace.name,
      body: { metadata: { name }, stringData: data },
    });
  }

  it.each(WITHOUT_BROKER)('finds nothing to mend in a healthy release of preset %s', async (preset, ids) => {
    namespace = await Namespace.create(Cluster.connect(), `doctor-${preset ?? 'default'}`);
    await expectFindings(preset, {}, ids);
  });

  it.each(BROKERS)(
    'finds nothing in a healthy release of preset %s',
    async (preset, kind) => {
      namespace = await Namespace.create(Cluster.connect(), `doctor-${preset}`);
      await BrokerServers.start(namespace, kind);
      const servers = addresses(kind.name, kind.port);
      await create('holdfast-broker', { 'broker-url': kind.url(servers) });
      await create('holdfast-broker-files', { 'ca.crt': 'no server asks for it' });
      const owner = kind.ownerUrl?.(servers);
      if (owner !== undefined) await create('holdfast-owner', { 'broker-url': owner });
      await expectFindings(preset, QUICK, []);
    },
    600_000,
  );
});

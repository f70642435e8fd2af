import { nameOf } from '../support/cluster.js';
import { execute } from '../support/execute.js';
import { addresses, COUNT, type BrokerKind } from './broker-kind.js';

const NAME = 'kafka';
const PORT = 9092;
const CONTROLLERS = 9093;
const VOTERS = Array.from({ length: COUNT }, (_, index) => `${index + 1}@${NAME}-${index}.${NAME}:${CONTROLLERS}`);

/** Prints the number of the broker that leads each partition. It runs in the gateway's image, which contains a client. */
const SCRIPT = `
  const { Admin } = await import('@platformatic/kafka');
  const admin = new Admin({ clientId: 'e2e', bootstrapBrokers: [process.argv[1]], retries: 0, connectTimeout: 2_000 });
  const { topics } = await admin.metadata({ topics: ['holdfast'] });
  console.log(JSON.stringify(topics.get('holdfast').partitions.map(({ leader }) => leader)));
  process.exit();
`;

export const KAFKA: BrokerKind = {
  title: 'Kafka',
  name: NAME,
  port: PORT,
  innerPort: CONTROLLERS,
  script: `
    export KAFKA_LINES="listeners=PLAINTEXT://:${PORT},CONTROLLER://:${CONTROLLERS}
advertised.listeners=PLAINTEXT://$HOSTNAME.${NAME}:${PORT}"
    exec /opt/servers/kafka.sh ${PORT} ${CONTROLLERS} /data $((\${HOSTNAME##*-} + 1)) ${VOTERS.join(',')}
  `,
  url: () => `kafka://${addresses(NAME, PORT)}`,
  async leaders({ release }, server) {
    const [pod] = await release.readyPods();
    if (pod === undefined) throw new Error('no pod of the gateway is ready');
    const words = ['node', '--input-type=module', '-e', SCRIPT, `${server}.${NAME}:${PORT}`];
    const leaders = JSON.parse(await execute(release.namespace, nameOf(pod), 'gateway', words)) as number[];
    return new Map(
      leaders.flatMap((id, partition) => (id < 1 ? [] : [[`${partition}`, `${NAME}-${id - 1}`] as const])),
    );
  },
};

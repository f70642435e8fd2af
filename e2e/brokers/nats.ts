import { kubectl } from '../support/command.js';
import { addresses, type BrokerKind } from './broker-kind.js';

const NAME = 'nats';
const ROUTES = 6222;
const MONITORING = 8222;

/** https://docs.nats.io/running-a-nats-service/nats_admin/monitoring#jetstream-information-jsz */
interface JetStream {
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly cluster?: { readonly leader?: string } }[];
  }[];
}

export const NATS: BrokerKind = {
  title: 'NATS',
  name: NAME,
  port: 4222,
  innerPort: MONITORING,
  // It starts in less time than an election takes: a server that was killed waits, so that another one is elected.
  script: `
    [ ! -e /data/jetstream ] || sleep 10
    exec /opt/servers/nats-server --name $HOSTNAME --user holdfast --pass e2e --jetstream --store_dir /data \\
      --cluster_name e2e --cluster nats://0.0.0.0:${ROUTES} --routes ${addresses(NAME, ROUTES, 'nats://')} --http_port ${MONITORING}
  `,
  url: (servers) => `nats://holdfast:e2e@${servers}`,
  async leaders(scene, server) {
    const pod = `/api/v1/namespaces/${scene.release.namespace.name}/pods/${server}:${MONITORING}`;
    const answer = await kubectl(['get', '--raw', `${pod}/proxy/jsz?accounts=true&streams=true`]);
    const { account_details: accounts = [] } = JSON.parse(answer) as JetStream;
    const streams = accounts.flatMap(({ stream_detail: details = [] }) => details);
    return new Map(
      streams.flatMap(({ name, cluster: { leader = '' } = {} }) => (leader === '' ? [] : [[name, leader] as const])),
    );
  },
};

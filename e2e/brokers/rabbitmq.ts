import { execute } from '../support/execute.js';
import { COUNT, type BrokerKind } from './broker-kind.js';

const NAME = 'rabbitmq';
const NODES = Array.from({ length: COUNT }, (_, index) => `rabbit@${NAME}-${index}.${NAME}`);

export const RABBITMQ: BrokerKind = {
  title: 'RabbitMQ',
  name: NAME,
  port: 5672,
  innerPort: 4369,
  // What `rabbitmqctl` needs too.
  environment: {
    HOME: '/data',
    RABBITMQ_NODENAME: `rabbit@$(POD).${NAME}`,
    RABBITMQ_USE_LONGNAME: 'true',
    RABBITMQ_CONFIG_FILE: '/data/rabbitmq.conf',
    RABBITMQ_MNESIA_BASE: '/data/db',
    RABBITMQ_SCHEMA_DIR: '/data/schema',
    RABBITMQ_GENERATED_CONFIG_DIR: '/data/generated',
    RABBITMQ_FEATURE_FLAGS_FILE: '/data/flags',
    RABBITMQ_ENABLED_PLUGINS_FILE: '/data/plugins',
    RABBITMQ_PID_FILE: '/data/pid',
  },
  script: `
    printf e2e > /data/.erlang.cookie
    chmod 600 /data/.erlang.cookie
    echo '[].' > /data/plugins
    cat > /data/rabbitmq.conf <<'END'
${NODES.map((node, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${node}`).join('\n')}
default_user = holdfast
default_pass = e2e
default_permissions.configure = ^holdfast\\.
default_permissions.write = ^holdfast\\.
default_permissions.read = ^holdfast\\.
log.console.level = warning
log.file = false
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 400MB
net_ticktime = 5
END
    exec env RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+sbwt none +S 2:2' /usr/lib/rabbitmq/bin/rabbitmq-server
  `,
  url: (servers) => `amqp://holdfast:e2e@${servers}`,
  async leaders({ release: { namespace } }, server) {
    const list = ['--quiet', '--formatter', 'json', 'list_queues', 'name', 'leader'];
    const answer = await execute(namespace, server, NAME, ['/usr/lib/rabbitmq/bin/rabbitmqctl', ...list]);
    const queues = JSON.parse(answer) as { name: string; leader: string }[];
    return new Map(
      queues.flatMap(({ name, leader }) => {
        const pod = /^rabbit@([^.]+)/.exec(leader)?.[1];
        return pod === undefined ? [] : [[name, pod] as const];
      }),
    );
  },
};

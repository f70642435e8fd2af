import { execute } from '../support/execute.js';
import type { Scene } from '../support/scene.js';
import { COUNT, type BrokerKind } from './broker-kind.js';

const NAME = 'postgres';
const PORT = 5432;
const HOSTS = Array.from({ length: COUNT }, (_, index) => `${NAME}-${index}.${NAME}`);

/** The connection to the primary, wherever it is. */
const PRIMARY = `host=${HOSTS.join(',')} port=${PORT} user=postgres target_session_attrs=read-write connect_timeout=2`;

/** Runs a statement on one server. @returns the value. */
async function ask({ release: { namespace } }: Scene, server: string, statement: string): Promise<string> {
  const words = ['psql', '-h', '127.0.0.1', '-U', 'postgres', '-Atc', statement];
  return (await execute(namespace, server, NAME, words)).trim();
}

/** A primary and two replicas, one of which has everything that was acknowledged. */
export const POSTGRES: BrokerKind = {
  title: 'PostgreSQL',
  name: NAME,
  port: PORT,
  // A server that was killed waits, so that another one is promoted, whose replica it becomes.
  script: `
    PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
    follow() {
      rm -rf /data/db
      pg_basebackup -d '${PRIMARY}' -D /data/db -X stream -c fast -R
    }
    has_primary() { psql '${PRIMARY} dbname=postgres' -c 'select' > /dev/null 2>&1; }
    [ ! -e /data/db ] || sleep 15
    if has_primary; then
      follow
    elif [ ! -e /data/db ] && [ "\${HOSTNAME##*-}" = 0 ]; then
      initdb -D /data/db -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8
      printf '%s\n' 'host all holdfast,gateway all scram-sha-256' 'host all all all trust' 'host replication all all trust' \
        >> /data/db/pg_hba.conf
      printf '%s\n' "create role holdfast login password 'e2e'" 'grant create on database postgres to holdfast' \
        "create role gateway login password 'e2e'" | postgres --single -D /data/db postgres > /dev/null
    elif [ ! -e /data/db ]; then
      until has_primary; do sleep 0.5; done
      follow
    fi
    exec postgres -D /data/db -c listen_addresses='*' -c unix_socket_directories= -c shared_buffers=64MB \
      -c 'synchronous_standby_names=ANY 1 (*)' -c 'primary_conninfo=${PRIMARY}' -c wal_retrieve_retry_interval=500ms \
      -c wal_keep_size=128MB -c log_min_messages=fatal
  `,
  url: (servers) => `postgres://gateway:e2e@${servers}/postgres?failover=keep`,
  ownerUrl: (servers) => `postgres://holdfast:e2e@${servers}/postgres?failover=keep`,
  role: 'gateway',
  async leaders(scene, server) {
    const primary = await Promise.any(
      HOSTS.map(async (host) => {
        const other = host.split('.', 1)[0] ?? '';
        if ((await ask(scene, other, 'select pg_is_in_recovery()')) !== 'f') throw new Error(`${server}: a replica`);
        return other;
      }),
    );
    return new Map([['all channels', primary]]);
  },
  async promote(scene, survivors) {
    const received = await Promise.all(
      survivors.map(async (name) => {
        const position = "select pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')";
        return { name, position: Number(await ask(scene, name, position)) };
      }),
    );
    const [latest] = received.toSorted((a, b) => b.position - a.position);
    if (latest === undefined) throw new Error('no replica is left');
    await ask(scene, latest.name, 'select pg_promote()');
  },
};

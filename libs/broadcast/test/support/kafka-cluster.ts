import { alterPartitionReassignmentsV1, Connection } from '@platformatic/kafka';
import { eventually } from '../../src/testing/eventually.js';
import { freePort } from './free-port.js';
import { KafkaServer, kafkaUrl } from './kafka-server.js';

const NODES = [1, 2, 3];

/** Three nodes, each a broker and a controller. */
export class KafkaCluster {
  private constructor(readonly nodes: readonly KafkaServer[]) {}

  static async start(): Promise<KafkaCluster> {
    const ports = await Promise.all(NODES.map(async (nodeId) => [nodeId, await freePort(), await freePort()] as const));
    const voters = ports.map(([nodeId, , controllerPort]) => `${nodeId}@127.0.0.1:${controllerPort}`).join(',');
    return new KafkaCluster(
      await Promise.all(
        ports.map(async ([nodeId, port, controllerPort]) =>
          KafkaServer.start({ nodeId, port, controllerPort, voters }),
        ),
      ),
    );
  }

  url(topic: string, parameters: Readonly<Record<string, string>> = {}): string {
    return kafkaUrl(this.nodes.map(({ address }) => address).join(','), topic, parameters);
  }

  node(nodeId: number): KafkaServer {
    const node = this.nodes[nodeId - 1];
    if (node === undefined) throw new Error(`there is no node ${nodeId}`);
    return node;
  }

  /** What the cluster says about a partition, according to a node that runs. */
  async partition(topic: string, partition: number, asked: KafkaServer): Promise<{ leader: number; inSync: number[] }> {
    return asked.manage(async (admin) => {
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
      const found = metadata.topics.get(topic)?.partitions[partition];
      if (found === undefined) throw new Error('there is no such partition');
      return { leader: found.leader, inSync: found.isr };
    });
  }

  /** The node that leads a partition. All nodes have to run. */
  async leader(topic: string, partition: number): Promise<number> {
    return (await this.partition(topic, partition, this.node(1))).leader;
  }

  /** Resolves when all nodes run and have all data. */
  async settled(topic: string): Promise<void> {
    await eventually(async () => {
      const { inSync } = await this.partition(topic, 0, this.node(1));
      if (inSync.length < NODES.length) throw new Error('a replica is not in sync');
    }, 30_000);
  }

  /** Makes another node the leader of a partition; the former one runs on as a follower. Resolves when it has all data. */
  async demote(topic: string, partition: number): Promise<void> {
    const former = await this.leader(topic, partition);
    const others = NODES.filter((nodeId) => nodeId !== former);
    for (const replicas of [others, [...others, former]]) {
      await this.#reassign(topic, partition, replicas);
      await eventually(async () => {
        const { leader, inSync } = await this.partition(topic, partition, this.node(1));
        if (leader === former || inSync.length !== replicas.length) throw new Error('the replicas are not in sync');
      }, 30_000);
    }
  }

  async #reassign(name: string, partitionIndex: number, replicas: number[]): Promise<void> {
    const connection = new Connection('test');
    await connection.connect('127.0.0.1', this.node(1).port);
    const partitions = [{ partitionIndex, replicas }];
    await alterPartitionReassignmentsV1.api.async(connection, 10_000, true, [{ name, partitions }]);
    await connection.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => node.close()));
  }
}

import { startGatewayProcess } from '../../../gateway/test/support/gateway-process.js';
import { startGatewaysOnOneBroker } from '../../../gateway/test/support/gateways-on-one-broker.js';

/** A gateway in the page's tests, independent of where it runs. */
export interface Gateway {
  readonly port: number;
  /** Stops it like a rolling update; resolves when it has ended. */
  drain(): Promise<unknown>;
}

interface GatewayInItsProcess extends Gateway {
  /** kill −9. */
  kill(): Promise<unknown>;
}

const ENVS = ['first', 'second'].map((node) => ({
  HOLDFAST_NODE: node,
  HOLDFAST_DEMO: 'true',
  HOLDFAST_DRAIN_SECONDS: '3',
}));

export async function startTwoInThisProcess(): Promise<[Gateway, Gateway]> {
  const gateways = await startGatewaysOnOneBroker(ENVS);
  return two(gateways.map((gateway) => ({ port: gateway.port, drain: () => gateway.close() })));
}

export async function startTwoProcesses(brokerUrl: string): Promise<[GatewayInItsProcess, GatewayInItsProcess]> {
  const gateways = await Promise.all(
    ENVS.map((env) => startGatewayProcess({ ...env, HOLDFAST_SETTLE_SECONDS: '0', HOLDFAST_BROKER: brokerUrl })),
  );
  return two(
    gateways.map((gateway) => ({
      port: gateway.port,
      drain: () => gateway.stop(),
      kill: () => gateway.stop('SIGKILL'),
    })),
  );
}

function two<T>([first, second]: readonly T[]): [T, T] {
  if (first === undefined || second === undefined) throw new Error('expected two gateways');
  return [first, second];
}

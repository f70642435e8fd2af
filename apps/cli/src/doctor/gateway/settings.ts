import type { V1ConfigMap, V1Container, V1PodTemplateSpec } from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { Known } from '../snapshot/snapshot.js';

/** The settings of the gateway that checks need, as far as they are known without reading Secrets. */
export interface Settings {
  readonly port: number;
  readonly managementPort: number;
  /** In seconds. */
  readonly settle: number;
  /** In seconds. */
  readonly drain: number;
  /** Undefined if it is unlimited. */
  readonly maxConnections: number | undefined;
  /** Whether a broker outside of the pod is configured; undefined if that is unknown. */
  readonly hasBroker: boolean | undefined;
  /** Whether it is Holdfast, and not another application. */
  readonly isHoldfast: boolean;
}

const BROKER = ['HOLDFAST_BROKER', 'HOLDFAST_BROKER_FILE'];

export function readSettings(
  template: V1PodTemplateSpec,
  container: V1Container,
  configMaps: Known<V1ConfigMap>,
): Settings {
  const env = new Map((container.env ?? []).map(({ name, value }) => [name, value]));
  const file = readFile(env.get('HOLDFAST_CONFIG'), { template, container, configMaps });
  const development = (env.get('NODE_ENV') ?? file['mode']) === 'development';
  const drain = mapping(file['drain']);
  const perPod = mapping(mapping(file['limits'])['connections'])['perPod'];
  const read = (variable: string, fromFile: unknown): number | undefined =>
    number(env.get(variable)) ?? number(fromFile);
  return {
    port: read('HOLDFAST_PORT', file['port']) ?? 8000,
    managementPort: read('HOLDFAST_MANAGEMENT_PORT', file['managementPort']) ?? 8001,
    settle: read('HOLDFAST_SETTLE_SECONDS', drain['settle']) ?? (development ? 0 : 15),
    drain: read('HOLDFAST_DRAIN_SECONDS', drain['window']) ?? (development ? 2 : 30),
    maxConnections: read('HOLDFAST_MAX_CONNECTIONS', perPod),
    hasBroker: hasBroker(env, container),
    isHoldfast: isHoldfast(container),
  };
}

/** Whether a container runs the gateway. */
export function isHoldfast({ image = '', env = [] }: V1Container): boolean {
  return /(?:^|\/)holdfast\/gateway(?:[:@]|$)/.test(image) || env.some(({ name }) => name.startsWith('HOLDFAST_'));
}

function hasBroker(env: ReadonlyMap<string, string | undefined>, { envFrom = [] }: V1Container): boolean | undefined {
  const value = env.get('HOLDFAST_BROKER');
  if (value !== undefined) return !value.startsWith('memory:');
  if (BROKER.some((name) => env.has(name))) return true;
  return envFrom.length > 0 ? undefined : false;
}

interface Pod {
  readonly template: V1PodTemplateSpec;
  readonly container: V1Container;
  readonly configMaps: Known<V1ConfigMap>;
}

/** The configuration file: in an annotation of the pods, as the chart has it, or in a ConfigMap. */
function readFile(
  path: string | undefined,
  { template, container, configMaps }: Pod,
): Readonly<Record<string, unknown>> {
  if (path === undefined) return {};
  const mount = container.volumeMounts?.find(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
  const volume = template.spec?.volumes?.find(({ name }) => name === mount?.name);
  const name = mount?.subPath ?? path.slice((mount?.mountPath.length ?? 0) + 1);
  const field = volume?.downwardAPI?.items?.find((item) => item.path === name)?.fieldRef?.fieldPath;
  const annotation = /^metadata\.annotations\['(.+)'\]$/.exec(field ?? '')?.[1];
  const map = configMaps?.find(({ metadata }) => metadata?.name === volume?.configMap?.name);
  const key = volume?.configMap?.items?.find((item) => item.path === name)?.key ?? name;
  return parsed(annotation === undefined ? map?.data?.[key] : template.metadata?.annotations?.[annotation]);
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return mapping(parse(text ?? ''));
  } catch {
    // The gateway itself reports that, and exits with 78.
    return {};
  }
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function number(value: unknown): number | undefined {
  const result = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof result === 'number' && Number.isFinite(result) ? result : undefined;
}

import type {
  CoreV1Event,
  V1ConfigMap,
  V1Deployment,
  V1EndpointSlice,
  V1Ingress,
  V1IngressClass,
  V1Namespace,
  V1NetworkPolicy,
  V1Node,
  V1Pod,
  V1PodDisruptionBudget,
  V1Service,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node';
import type { Unexamined } from '../finding.js';

/** Objects of one kind; undefined if they could not be read, so that nobody concludes that there are none. */
export type Known<T> = readonly T[] | undefined;

/** The relevant part of an HTTPRoute of Gateway API. */
export interface HttpRoute {
  readonly metadata?: {
    readonly name?: string;
    readonly labels?: Record<string, string>;
    readonly generation?: number;
  };
  readonly spec?: {
    readonly hostnames?: readonly string[];
    readonly parentRefs?: readonly { readonly name: string; readonly sectionName?: string; readonly port?: number }[];
    readonly rules?: readonly {
      readonly matches?: readonly { readonly path?: { readonly type?: string; readonly value?: string } }[];
      readonly backendRefs?: readonly {
        readonly kind?: string;
        readonly name: string;
        readonly namespace?: string;
        readonly port?: number;
      }[];
    }[];
  };
  readonly status?: {
    readonly parents?: readonly {
      readonly parentRef: { readonly name: string; readonly namespace?: string };
      readonly conditions?: readonly {
        readonly type: string;
        readonly status: string;
        readonly reason?: string;
        readonly message?: string;
      }[];
    }[];
  };
}

/** The relevant part of a BackendConfig of GKE. */
export interface BackendConfig {
  readonly metadata?: { readonly name?: string };
  readonly spec?: { readonly timeoutSec?: number };
}

/** What was read from Kubernetes, once. The checks see nothing else of the cluster. */
export interface Snapshot {
  readonly takenAt: Date;
  readonly namespace: string;
  readonly deployments: readonly V1Deployment[];
  readonly pods: readonly V1Pod[];
  readonly services: readonly V1Service[];
  readonly endpointSlices: Known<V1EndpointSlice>;
  readonly ingresses: Known<V1Ingress>;
  readonly routes: Known<HttpRoute>;
  readonly backendConfigs: Known<BackendConfig>;
  readonly autoscalers: Known<V2HorizontalPodAutoscaler>;
  readonly disruptionBudgets: Known<V1PodDisruptionBudget>;
  readonly networkPolicies: Known<V1NetworkPolicy>;
  readonly events: Known<CoreV1Event>;
  readonly configMaps: Known<V1ConfigMap>;
  /** Of the whole cluster. */
  readonly ingressClasses: Known<V1IngressClass>;
  readonly nodes: Known<V1Node>;
  readonly namespaces: Known<V1Namespace>;
  readonly allPods: Known<V1Pod>;
  /** The settings of ingress controllers that could be read. */
  readonly controllerConfigMaps: readonly V1ConfigMap[];
  /** The end of the log of each container of the gateway that crashed or is not ready, by the name of its pod. */
  readonly logs: ReadonlyMap<string, string>;
  readonly unexamined: readonly Unexamined[];
}

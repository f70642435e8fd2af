import type { V1Pod } from '@kubernetes/client-node';

/** Where an object is. */
interface Place {
  readonly namespace: string;
  readonly name: string;
}

/** `--configmap=NAMESPACE/NAME`, of which the namespace is mostly the variable that has the pod's own. */
const OPTION = /^--configmap=(?:\$\(POD_NAMESPACE\)|([^/]+))\/(.+)$/;

/** The ConfigMaps with the settings of ingress controllers, as the arguments of their pods name them: their labels depend on how they were installed. */
export function controllerConfigMaps(pods: readonly V1Pod[]): readonly Place[] {
  const places = pods.flatMap(({ metadata, spec }) =>
    (spec?.containers ?? []).flatMap(({ command = [], args = [] }) =>
      [...command, ...args].flatMap((arg) => {
        const [, namespace = metadata?.namespace ?? '', name] = OPTION.exec(arg) ?? [];
        return name === undefined ? [] : [{ namespace, name }];
      }),
    ),
  );
  return [...new Map(places.map((place) => [`${place.namespace}/${place.name}`, place])).values()];
}

import type { V1Deployment, V2HorizontalPodAutoscaler, V1Ingress, V1Service } from '@kubernetes/client-node';

type Labels = Readonly<Record<string, string>>;

export interface Wiring {
  readonly deployment: V1Deployment;
  readonly services: readonly V1Service[];
  readonly ingress?: V1Ingress;
  readonly autoscaler?: V2HorizontalPodAutoscaler;
}

/**
 * Finds wrong references: from the Deployment's selector to its pods, from Services to the pods and their ports,
 * from the Ingress to a Service and its port, from the autoscaler to the Deployment.
 */
export function flaws({ deployment, services, ingress, autoscaler }: Wiring): string[] {
  const found: string[] = [];
  const { template, selector } = deployment.spec ?? {};
  const labels = template?.metadata?.labels ?? {};
  if (!selects(selector?.matchLabels, labels)) found.push('the selector of the Deployment does not select its pods');
  const ports = (template?.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  for (const service of services) {
    const name = service.metadata?.name;
    if (!selects(service.spec?.selector, labels)) found.push(`Service ${name} does not select the pods`);
    for (const { targetPort } of service.spec?.ports ?? []) {
      if (!ports.some((port) => port.name === targetPort || port.containerPort === targetPort)) {
        found.push(`Service ${name} leads to the port ${targetPort}, which no container has`);
      }
    }
  }
  for (const { http } of ingress?.spec?.rules ?? []) {
    for (const { backend, path } of http?.paths ?? []) {
      const service = services.find(({ metadata }) => metadata?.name === backend.service?.name);
      const port = backend.service?.port;
      if (service === undefined)
        found.push(`the Ingress leads ${path} to ${backend.service?.name}, which is not a Service of the release`);
      else if (!service.spec?.ports?.some((other) => other.name === port?.name || other.port === port?.number)) {
        found.push(`the Ingress leads ${path} to a port that ${service.metadata?.name} has not`);
      }
    }
  }
  const target = autoscaler?.spec?.scaleTargetRef;
  if (target !== undefined && !(target.kind === 'Deployment' && target.name === deployment.metadata?.name)) {
    found.push(`the HorizontalPodAutoscaler scales ${target.kind} ${target.name}`);
  }
  return found;
}

function selects(selector: Labels | undefined, labels: Labels): boolean {
  const wanted = Object.entries(selector ?? {});
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}

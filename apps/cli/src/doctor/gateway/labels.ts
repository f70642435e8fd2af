import type { V1LabelSelector } from '@kubernetes/client-node';

export type Labels = Readonly<Record<string, string>>;

/** Whether the selector of a Service selects an object. An empty one selects nothing. */
export function selects(selector: Labels | undefined, labels: Labels | undefined): boolean {
  return Object.keys(selector ?? {}).length > 0 && differences(selector, labels).length === 0;
}

/** Whether a label selector matches. An empty one matches everything. */
export function matches(selector: V1LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  const { matchLabels, matchExpressions = [] } = selector;
  return (
    differences(matchLabels, labels).length === 0 &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        default:
          return value === undefined;
      }
    })
  );
}

/** The labels of a selector that an object lacks, or has with another value. */
export function differences(selector: Labels | undefined, labels: Labels | undefined): string[] {
  return Object.entries(selector ?? {}).flatMap(([name, value]) => {
    const actual = labels?.[name];
    if (actual === value) return [];
    return `${name}=${value} (the pods have ${actual === undefined ? 'no such label' : `${name}=${actual}`})`;
  });
}

interface Named {
  readonly metadata?: { readonly name?: string; readonly labels?: Labels };
}

export function nameOf({ metadata }: Named): string {
  return metadata?.name ?? '';
}

/** Whether an object is meant for a Deployment: it has its name, or the chart's labels of the same release and component. */
export function belongsTo(object: Named, deployment: Named): boolean {
  if (nameOf(object) === nameOf(deployment)) return true;
  const [own = {}, others = {}] = [object.metadata?.labels, deployment.metadata?.labels];
  return ['app.kubernetes.io/instance', 'app.kubernetes.io/component'].every(
    (label) => own[label] !== undefined && own[label] === others[label],
  );
}

import type { TestProject } from 'vitest/node';
import { Cluster } from './cluster.js';
import { findIngressClasses } from './ingress-classes.js';

/** Before all suites: finds the ingress classes of the cluster, once for all projects. */
export default async function setup({ vitest }: TestProject): Promise<void> {
  const root = vitest.getRootProject();
  if ('ingressClasses' in root.getProvidedContext()) return;
  root.provide('ingressClasses', await findIngressClasses(Cluster.connect()));
}

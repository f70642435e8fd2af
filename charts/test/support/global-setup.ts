import type { TestProject } from 'vitest/node';
import { findCustomSchemas } from './custom-schemas.ts';
import { findKubernetesSchemas } from './kubernetes-schemas.ts';
import { findPromtool } from './promtool.ts';
import { findTool, type Tool, type ToolName } from './tools.ts';

declare module 'vitest' {
  interface ProvidedContext {
    tools: Record<ToolName | 'promtool' | 'kubernetesSchemas' | 'customSchemas', Tool>;
  }
}

/** Finds or builds the tools of the chart's tests, once for all of them. Only required in continuous integration. */
export default async function setup(project: TestProject): Promise<void> {
  const tools = {
    helm: await findTool('helm'),
    helm3: await findTool('helm3'),
    kubeconform: await findTool('kubeconform'),
    promtool: await findPromtool(),
    kubernetesSchemas: await findKubernetesSchemas(),
    customSchemas: await findCustomSchemas(),
  };
  const missing = Object.values(tools).flatMap((tool) => ('missing' in tool ? tool.missing : []));
  if (missing.length > 0) {
    if (process.env['CI']) throw new Error(`the chart cannot be tested: ${missing.join('; ')}`);
    console.warn(`Tests of the chart are skipped: ${missing.join('; ')}`);
  }
  project.provide('tools', tools);
}

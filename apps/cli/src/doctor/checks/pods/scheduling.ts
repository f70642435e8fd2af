import { quantity, mebibytes } from '../../gateway/quantity.js';
import type { Snapshot } from '../../snapshot/snapshot.js';
import { brief, type FindReason } from './reason.js';

/** A pod for which the scheduler finds no node. */
export const scheduleReason: FindReason = ({ spec, status }, { snapshot, gateway }) => {
  const condition = status?.conditions?.find(({ type, status: value }) => type === 'PodScheduled' && value === 'False');
  const message = condition?.message ?? '';
  if (condition === undefined || spec?.nodeName !== undefined || message === '') return undefined;
  const evidence = brief(message.replace(/ preemption:.*$/s, ''));
  if (/didn't match pod topology spread constraints/.test(message)) {
    return { id: 'HF312', evidence, mend: 'set topologySpread.zones and topologySpread.hosts to ScheduleAnyway' };
  }
  const resources = [...message.matchAll(/Insufficient ([\w./-]+?)[,.\s]/g)].map(([, name = '']) => name);
  if (resources.length > 0) {
    const { cpu = '0', memory = '0' } = gateway.container.resources?.requests ?? {};
    const free = freeOf(snapshot);
    return {
      id: 'HF310',
      evidence: `the container requests cpu ${coresOf(cpu)} and memory ${memory}.${free === '' ? '' : ` Free: ${free}.`} The scheduler: ${evidence}`,
      mend: `lower resources.requests.${resources[0]}, or add nodes`,
    };
  }
  return { id: 'HF311', evidence, mend: 'correct nodeSelector, tolerations or affinity, or label a node' };
};

/** `100 (100 cores)`: whoever forgot the `m` sees it. */
function coresOf(cpu: string | number): string {
  const cores = quantity(cpu) ?? 0;
  return cores >= 1 ? `${cpu} (${cores} ${cores === 1 ? 'core' : 'cores'})` : String(cpu);
}

/** What is not requested on each node; empty if nodes or pods could not be read. */
function freeOf({ nodes, allPods }: Snapshot): string {
  if (nodes === undefined || allPods === undefined) return '';
  return nodes
    .map(({ metadata, status }) => {
      const there = allPods.filter(
        ({ spec, status: { phase } = {} }) =>
          spec?.nodeName === metadata?.name && phase !== 'Succeeded' && phase !== 'Failed',
      );
      const free = (resource: string): number =>
        (quantity(status?.allocatable?.[resource]) ?? 0) -
        there
          .flatMap(({ spec }) => spec?.containers ?? [])
          .reduce((sum, { resources }) => sum + (quantity(resources?.requests?.[resource]) ?? 0), 0);
      return `${metadata?.name} cpu ${Math.round(free('cpu') * 1_000)}m, memory ${mebibytes(free('memory'))}`;
    })
    .join('; ');
}

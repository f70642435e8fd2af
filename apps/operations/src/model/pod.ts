import type { PodState } from '../api/answers.js';
import { formatBytes, formatCount, formatMs, formatTime } from './format.js';

/** A lag or a difference of clocks that somebody should look into, in ms. */
const NOTABLE_MS = 1_000;
/** Below this, clocks do not differ by more than it takes to read them. */
const CLOCK_PRECISION_MS = 10;

/** A word or two about the state of a pod. */
export function stageOf({ stage, ready, overloaded }: PodState): string {
  if (stage !== 'ready') return stage;
  if (!ready) return 'not ready';
  return overloaded ? 'overloaded' : 'ready';
}

/** What is wrong with a pod, as sentences. */
export function troubles({ reasons, overloaded, broker, stage }: PodState): string[] {
  return [
    ...(stage === 'settling' ? ['The pod stops: it still accepts connections until proxies have noticed.'] : []),
    ...(stage === 'draining' ? ['The pod drains: its clients are asked to connect to others.'] : []),
    ...(broker.up ? [] : [`The broker is down${broker.reason === undefined ? '' : `: ${broker.reason}`}`]),
    ...(overloaded ? ['The pod is overloaded: it refuses new connections.'] : []),
    ...reasons.map((reason) => `Not ready: ${reason}`),
  ];
}

export function brokerFacts({ broker, now }: PodState) {
  const { kind, up, reason, lag, reconnects, lastOutage, memory } = broker;
  const skew = Math.round(now - broker.now);
  return [
    {
      label: 'Broker',
      value: `${kind}, ${up ? 'up' : 'down'}${reason === undefined ? '' : ` (${reason})`}`,
      isBad: !up,
    },
    ...(lag === undefined ? [] : [{ label: 'Lag', value: formatMs(lag), isBad: lag > NOTABLE_MS }]),
    { label: 'Restored connections', value: formatCount(reconnects) },
    {
      label: 'Latest outage',
      value: lastOutage === undefined ? 'none' : `${formatTime(lastOutage.at)}: ${lastOutage.reason}`,
    },
    {
      label: "Pod's clock",
      value:
        Math.abs(skew) < CLOCK_PRECISION_MS
          ? 'the same'
          : `${formatMs(Math.abs(skew))} ${skew > 0 ? 'ahead' : 'behind'}`,
      isBad: Math.abs(skew) > NOTABLE_MS,
    },
    ...(memory === undefined
      ? []
      : [{ label: 'Histories in memory', value: `${formatBytes(memory.used)} of ${formatBytes(memory.max)}` }]),
  ];
}

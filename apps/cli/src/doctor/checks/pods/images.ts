import type { FindingId } from '../../catalogue/index.js';
import { nameOf } from '../../gateway/labels.js';
import { brief, eventOf, statusesOf, type FindReason } from './reason.js';

const WAITING = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
]);

/** A registry that refuses often says both: that the image does not exist, or that it requires authorization. */
const REFUSED = /unauthorized|authorization|denied|forbidden|\b40[13]\b|no basic auth/i;
const UNREACHABLE =
  /dial tcp|no such host|i\/o timeout|timeout|connection refused|network is unreachable|tls:|x509|deadline/i;

/** An image that cannot be had. */
export const imageReason: FindReason = (pod, { snapshot, gateway }) => {
  const found = statusesOf(pod).find(({ state }) => WAITING.has(state?.waiting?.reason ?? ''));
  const waiting = found?.state?.waiting;
  if (found === undefined || waiting === undefined) return undefined;
  // A back-off has not always the cause in its message.
  const event = eventOf(snapshot, gateway.pods.map(nameOf), /^Failed to pull image/);
  const message = event ?? waiting.message ?? waiting.reason ?? '';
  const id = kindOf(message, waiting.reason);
  const evidence = brief(`${found.image}: ${message}`, 400);
  switch (id) {
    case 'HF302':
      return {
        id,
        evidence,
        mend: 'create a Secret with `kubectl create secret docker-registry`, and name it in imagePullSecrets',
      };
    case 'HF303':
      return {
        id,
        evidence,
        mend: 'check the network of the node, or set image.registry to a registry that nodes reach',
      };
    default:
      return { id, evidence, mend: 'correct image.registry, image.repository or image.tag' };
  }
};

function kindOf(message: string, reason: string | undefined): FindingId & ('HF301' | 'HF302' | 'HF303') {
  if (reason === 'ErrImageNeverPull' || reason === 'InvalidImageName') return 'HF301';
  if (REFUSED.test(message)) return 'HF302';
  if (/not found|manifest unknown|does not exist/i.test(message) && !/dial tcp/.test(message)) return 'HF301';
  return UNREACHABLE.test(message) ? 'HF303' : 'HF301';
}

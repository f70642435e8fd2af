import { checkAffinity } from './affinity.js';
import { checkAutoscaling } from './autoscaling.js';
import { checkBroker } from './broker.js';
import { checkCapacity } from './capacity.js';
import type { Check } from './check.js';
import { checkDeployment } from './deployment.js';
import { checkEdge } from './edge.js';
import { checkGoogleTimeouts } from './google-timeouts.js';
import { checkIngress } from './ingress.js';
import { checkNetworkPolicy } from './network-policy.js';
import { checkPods } from './pods/pods.js';
import { checkRollout } from './rollout.js';
import { checkService } from './service.js';
import { checkTimeouts } from './timeouts.js';

export const CHECKS: readonly Check[] = [
  checkEdge,
  checkIngress,
  checkAffinity,
  checkTimeouts,
  checkGoogleTimeouts,
  checkNetworkPolicy,
  checkService,
  checkPods,
  checkDeployment,
  checkBroker,
  checkRollout,
  checkAutoscaling,
  checkCapacity,
];

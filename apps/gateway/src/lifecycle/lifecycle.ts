import { Injectable } from '@nestjs/common';

/**
 * `starting` until everything listens · `ready` · `settling`: not ready any more but still accepting, since proxies go on
 * choosing this pod for a while · `draining`: upgrades are refused and clients are invited elsewhere.
 */
export type Stage = 'starting' | 'ready' | 'settling' | 'draining';

/** Where this process stands in its life; readiness and the upgrade handler look here. */
@Injectable()
export class Lifecycle {
  stage: Stage = 'starting';
}

import { Injectable } from '@nestjs/common';

/**
 * `starting` until everything listens · `ready` · `settling`: no longer ready but still accepting, since proxies keep
 * choosing this pod for a while · `draining`: upgrades are refused and clients are asked to reconnect.
 */
export type Stage = 'starting' | 'ready' | 'settling' | 'draining';

/** The stage of this process. Readiness and upgrades depend on it. */
@Injectable()
export class Lifecycle {
  stage: Stage = 'starting';
}

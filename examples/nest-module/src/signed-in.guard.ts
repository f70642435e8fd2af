import type { Connection } from '@holdfast/gateway';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';

/** Clients without a user get `forbidden`. */
@Injectable()
export class SignedIn implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getClient<Connection>().user !== undefined;
  }
}

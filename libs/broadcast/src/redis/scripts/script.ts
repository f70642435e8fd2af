import { createHash } from 'node:crypto';

/** A Lua script, to be run by its digest. */
export class Script {
  readonly body: string;
  readonly sha: string;

  constructor(...parts: readonly string[]) {
    this.body = parts.join('\n');
    this.sha = createHash('sha1').update(this.body).digest('hex');
  }
}

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A self-signed certificate for {@link Certificate.host}. */
export class Certificate {
  readonly host = 'redis.example';

  private constructor(private readonly directory: string) {}

  static async make(): Promise<Certificate> {
    const certificate = new Certificate(await mkdtemp(join(tmpdir(), 'holdfast-tls-')));
    const { host, key, cert } = certificate;
    const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
    const files = ['-keyout', key, '-out', cert];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...files, ...names], {
      stdio: 'pipe',
    });
    return certificate;
  }

  get key(): string {
    return join(this.directory, 'key.pem');
  }

  get cert(): string {
    return join(this.directory, 'cert.pem');
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A self-signed certificate for {@link Certificate.host}. */
export class Certificate {
  readonly host = 'redis.example';

  private constructor(private readonly directory: string) {}

  /** @param others more names, such as `IP:127.0.0.1`. */
  static async make(...others: readonly string[]): Promise<Certificate> {
    const certificate = new Certificate(await mkdtemp(join(tmpdir(), 'holdfast-tls-')));
    const { host, key, cert } = certificate;
    const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=${[`DNS:${host}`, ...others].join(',')}`];
    const files = ['-keyout', key, '-out', cert];
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', ...files, ...names);
    return certificate;
  }

  get key(): string {
    return join(this.directory, 'key.pem');
  }

  get cert(): string {
    return join(this.directory, 'cert.pem');
  }

  /** A client's certificate, signed by this one. */
  issue(name: string): { readonly cert: string; readonly key: string } {
    const path = (kind: string): string => join(this.directory, `${name}-${kind}.pem`);
    const [key, request, cert] = [path('key'), path('request'), path('cert')];
    openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    openssl(
      'x509',
      '-req',
      '-days',
      '1',
      '-in',
      request,
      '-CA',
      this.cert,
      '-CAkey',
      this.key,
      '-CAcreateserial',
      '-out',
      cert,
    );
    return { cert, key };
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

function openssl(...command: string[]): void {
  execFileSync('openssl', command, { stdio: 'pipe' });
}

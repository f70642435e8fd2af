import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from './command.js';
import type { Namespace } from './namespace.js';

/** Creates a Secret of type kubernetes.io/tls with a self-signed certificate for a host. @returns its name */
export async function createCertificate({ name: namespace, cluster }: Namespace, host: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-tls-'));
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const names = `-subj /CN=${host} -addext subjectAltName=DNS:${host}`;
    const how = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';
    await command('openssl', `req ${how} ${names} -keyout ${key} -out ${cert}`.split(' '));
    await cluster.core.createNamespacedSecret({
      namespace,
      body: {
        metadata: { name: 'tls' },
        type: 'kubernetes.io/tls',
        data: { 'tls.crt': await readFile(cert, 'base64'), 'tls.key': await readFile(key, 'base64') },
      },
    });
    return 'tls';
  } finally {
    await rm(directory, { recursive: true });
  }
}

import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { command } from './command.js';
import type { Namespace } from './namespace.js';

/** Creates a Secret of type kubernetes.io/tls with a self-signed certificate for these hosts. @returns its name */
export async function createCertificate(
  { name: namespace, cluster }: Namespace,
  hosts: readonly string[],
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-tls-'));
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const names = `-subj /CN=${namespace} -addext subjectAltName=${hosts.map((host) => `DNS:${host}`).join(',')}`;
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

/** The names in the certificate that a server presents for a host. */
export async function certifiedNames(address: string, host: string): Promise<string[]> {
  const socket = connect({ host: address, port: 443, servername: host, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return (
      socket
        .getPeerCertificate()
        .subjectaltname?.split(', ')
        .map((name) => name.replace(/^DNS:/, '')) ?? []
    );
  } finally {
    socket.destroy();
  }
}

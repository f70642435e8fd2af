import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

/** The data of a Secret of type kubernetes.io/tls with a self-signed certificate that is valid in this time, which may be over. */
export async function certificateFiles(
  hosts: readonly string[],
  { from, to }: { readonly from: Date; readonly to: Date },
): Promise<{ 'tls.crt': string; 'tls.key': string }> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-tls-'));
  const file = (name: string): string => join(directory, name);
  // `openssl req` cannot create one that has expired.
  const config = `
[ca]
default_ca = own
[own]
new_certs_dir = ${directory}
database = ${file('index')}
serial = ${file('serial')}
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = ${hosts.map((host) => `DNS:${host}`).join(',')}
`;
  try {
    await Promise.all([
      writeFile(file('config'), config),
      writeFile(file('index'), ''),
      writeFile(file('serial'), '01'),
    ]);
    const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
    await command(
      'openssl',
      `req ${key} -subj /CN=${hosts[0]} -keyout ${file('key')} -out ${file('request')}`.split(' '),
    );
    const validity = `-startdate ${asn1(from)} -enddate ${asn1(to)}`;
    const paths = `-config ${file('config')} -in ${file('request')} -keyfile ${file('key')} -out ${file('cert')}`;
    await command('openssl', `ca -batch -selfsign -notext ${validity} ${paths}`.split(' '));
    return { 'tls.crt': await readFile(file('cert'), 'base64'), 'tls.key': await readFile(file('key'), 'base64') };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** `YYYYMMDDHHMMSSZ`. */
function asn1(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
}

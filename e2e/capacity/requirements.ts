import { readFile } from 'node:fs/promises';
import { command } from '../support/command.js';

/** For everything but clients. */
const RESERVE = 1_000;

/** @throws Error if this process may not open enough sockets. */
export async function requireDescriptors(clients: number): Promise<void> {
  const limit = (await command('sh', ['-c', 'ulimit -n'])).trim();
  const needed = clients + RESERVE;
  if (limit !== 'unlimited' && Number(limit) < needed) {
    throw new Error(`${limit} open files are allowed, ${clients} clients need ${needed}: run \`ulimit -n ${needed}\``);
  }
}

/** @throws Error if one address does not have enough ports for clients of one other address. */
export async function requirePorts(clients: number): Promise<void> {
  const [first = 0, last = 0] = (await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))
    .split(/\s+/)
    .map(Number);
  const needed = clients + RESERVE;
  if (last - first < needed) {
    throw new Error(
      `there are ports for ${last - first} connections, ${clients} clients need ${needed}: run \`sysctl net.ipv4.ip_local_port_range="20000 60999"\``,
    );
  }
}

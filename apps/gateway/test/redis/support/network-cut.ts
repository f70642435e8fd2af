import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { systemProgram } from '../../support/system-package.js';

const IPTABLES = '/usr/sbin/iptables';

/** Adds the rules and removes them with its process: they are gone however the test ends. */
const SCRIPT = `
set -e
iptables=$1 address=$2 port=$3
rule() { "$iptables" -w "$1" INPUT -i lo -p tcp "$2" "$address" "$3" "$port" -j DROP; }
end() { rule -D -d --dport || true; rule -D -s --sport || true; }
trap end EXIT
trap 'exit 1' INT TERM HUP
rule -I -d --dport
rule -I -s --sport
echo cut
read -r _ || true
`;

/**
 * A network that drops every packet to and from a server, as a broken one does: nothing is closed or refused. It
 * uses a loopback address of its own, so that others still reach the server through another address.
 */
export class NetworkCut {
  private constructor(
    private readonly holder: ChildProcess,
    private readonly address: string,
    private readonly port: number,
  ) {}

  static async begin(address: string, port: number): Promise<NetworkCut> {
    const iptables = systemProgram(IPTABLES, ['iptables']);
    const holder = spawn('sh', ['-c', SCRIPT, 'cut', iptables, address, `${port}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const cut = new NetworkCut(holder, address, port);
    onTestFinished(() => cut.end());
    await Promise.race([
      once(holder.stdout, 'data'),
      once(holder, 'exit').then(() => {
        throw new Error('iptables failed: dropping packets requires root (CAP_NET_ADMIN)');
      }),
    ]);
    return cut;
  }

  /** The number of dropped packets in each direction. */
  get dropped(): { to: number; from: number } {
    const rules = execFileSync(IPTABLES, ['-w', '-nvxL', 'INPUT'], { encoding: 'utf8' }).split('\n');
    const packets = (port: string): number => {
      const rule = rules.find((line) => line.includes(this.address) && line.endsWith(`${port}:${this.port}`));
      return Number(rule?.trim().split(/\s+/)[0]);
    };
    return { to: packets('dpt'), from: packets('spt') };
  }

  async end(): Promise<void> {
    if (this.holder.exitCode !== null || this.holder.signalCode !== null) return;
    const ended = once(this.holder, 'exit');
    this.holder.stdin?.end();
    await ended;
  }
}

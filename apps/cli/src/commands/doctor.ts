import { Option, type Command } from 'commander';
import { parseDuration } from '../arguments.js';
import type { DoctorOptions } from '../doctor/run.js';
import { EXIT } from '../failure.js';
import type { Io } from '../io.js';
import type { Terminal } from '../terminal.js';
import { parseAddress } from '../verify/address.js';

/** In ms: longer than the defaults of 30 s that some load balancers have. */
const DEFAULT_IDLE = 40_000;

export function addDoctorCommand(program: Command, io: Io, terminal: Terminal): void {
  program
    .command('doctor')
    .summary('find out what is wrong with a gateway on Kubernetes')
    .description(
      'Looks at everything between the browser and the broker, and names what is broken, the evidence, and what mends it: ' +
        'the first one first, without its consequences. It reads the cluster with the credentials of kubectl, changes nothing, ' +
        'reads no Secret, and needs no more than the role view. It says what it could not examine. If it can reach the pods, directly or by forwarding ' +
        'ports, it asks them about the broker and sends messages between them. ' +
        'docs/troubleshooting.md explains every finding.',
    )
    .option('-n, --namespace <name>', "the namespace (default: that of kubectl's context)")
    .option('-d, --deployment <name>', 'the Deployment (default: the only one that runs Holdfast)')
    .option('--kube-context <name>', "the context of kubectl's configuration (default: the current one)")
    .option('--url <url>', 'the WebSocket as clients use it (default: the hosts of its Ingresses and HTTPRoutes)')
    .addOption(
      new Option(
        '--address <host[:port]>',
        'the address of the ingress, if DNS does not resolve its host here',
      ).argParser(parseAddress),
    )
    .addOption(
      new Option('--idle <duration>', 'how long to watch an idle WebSocket: 40s, 5m')
        .argParser(parseDuration)
        .default(DEFAULT_IDLE, '40s'),
    )
    .option('--no-idle', 'do not watch one')
    .option(
      '--only <finding...>',
      'look for these only: numbers such as HF201, or parts: edge, service, pods, broker, operation',
    )
    .option('--json', 'print one JSON object')
    .option('--secret-file <path>', 'a file with the secret to sign a token with, instead of HOLDFAST_JWT_SECRET')
    .option('--token-file <path>', 'a file with a token, instead of HOLDFAST_CLI_TOKEN; then none is generated')
    .option('--admin-key-file <path>', 'a file with a key of the admin API, instead of HOLDFAST_CLI_ADMIN_KEY')
    .option('--issuer <issuer>', 'the claim iss, if the gateway requires one')
    .option('--audience <audience>', 'the claim aud, if the gateway requires one')
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast doctor --namespace chat
  $ holdfast doctor --namespace chat --only HF201 broker --json
  $ holdfast doctor --namespace chat --url wss://chat.example.com/ws --idle 5m

Exits with ${EXIT.failed} if something has to be mended; advice does not count.`,
    )
    .action(async (options: DoctorOptions) => {
      // The other commands start faster without it.
      const { runDoctor } = await import('../doctor/run.js');
      await runDoctor(options, io, terminal);
    });
}

import { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import type { Io } from '../dist/io.js';
import { createProgram } from '../dist/run.js';
import { Terminal } from '../dist/terminal.js';

const INTRODUCTION = `# The command \`holdfast\`

<!-- Generated from the commands in apps/cli/src by apps/cli/generate: edit those. -->

\`npx holdfast\`, which needs Node 22.12 or later; in a checkout the same after \`npm run build\`; \`holdfast\` in the image.

- **Which gateway**: \`--url\`, \`HOLDFAST_URL\`, the context in use, or this machine, in this order. The URL may be that of the WebSocket
  (\`wss://gateway.example.com/ws\`) or of the HTTP API (\`https://gateway.example.com\`).
- **Contexts** remember gateways with their secrets, in a file that only you can read: \`holdfast context add\`. If the URL comes from
  somewhere else, nothing of a context is used.
- **Secrets** come from variables, files and contexts, never from arguments, which every user of the machine can read. They are never
  printed.
- **A certificate of your own CA** is trusted with \`NODE_EXTRA_CA_CERTS=ca.pem\`, as in every Node program.
- **For programs**: with \`--json\` every command prints one JSON object per line, written at once, also into a pipe.
- **One pod or all**: the HTTP API answers for all pods. \`top\`, \`connections\` without a user, and \`--pod\` ask [one pod](admin-api.md).
- **Completion**: \`source <(holdfast completion bash)\`, likewise for zsh and fish.

`;

/** The width of the help texts. */
const WIDTH = 100;

/** docs/cli.md: the help of each command, as the command prints it. */
export function cliDocs(): string {
  let text = '';
  const writable = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const stdout = Object.assign(writable, { columns: WIDTH });
  const io: Io = { stdin: Readable.from([]), stdout, stderr: stdout, env: {}, interrupted: async () => {} };
  const helpOf = (command: Command): string => {
    text = '';
    command.outputHelp();
    return text.trim();
  };
  const program = createProgram(io, new Terminal(io));
  const sections = namesOf(program).map(({ command, name }) => {
    // The last part is the same for all.
    const [help = ''] = helpOf(command).split('\n\nExit codes:');
    return `## ${name}\n\n\`\`\`\n${help}\n\`\`\`\n`;
  });
  const [, exitCodes = ''] = helpOf(program).split('\n\nExit codes:\n');
  return `${INTRODUCTION}## Exit codes\n\n\`\`\`\n${exitCodes.trimEnd()}\n\`\`\`\n\n${sections.join('\n')}`;
}

function namesOf(command: Command, before = ''): { command: Command; name: string }[] {
  const name = `${before}${command.name()}`;
  return [{ command, name }, ...command.commands.flatMap((child) => namesOf(child, `${name} `))];
}

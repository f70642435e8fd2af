import { Argument, type Command } from 'commander';
import { completionOf, SHELLS } from '../completion.js';
import { jsonOption } from '../options.js';
import { printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';

export function addCompletionCommand(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .summary('print a script for the completion of a shell')
    .description('Prints a script by which a shell completes commands and options.')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ source <(holdfast completion bash)
  $ holdfast completion zsh > "\${fpath[1]}/_holdfast"
  $ holdfast completion fish > ~/.config/fish/completions/holdfast.fish`,
    )
    .action((shell: (typeof SHELLS)[number], { json }: { json?: true }) => {
      const script = completionOf(program, shell);
      terminal.print(json ? printableJson({ shell, script }) : script.trimEnd());
    });
}

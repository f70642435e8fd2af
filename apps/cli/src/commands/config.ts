import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.js';
import type { Io } from '../io.js';
import { jsonOption } from '../options.js';
import { printable, printableJson } from '../printable.js';
import type { Terminal } from '../terminal.js';

interface CheckOptions {
  readonly env?: true;
  readonly json?: true;
}

export function addConfigCommand(program: Command, io: Io, terminal: Terminal): void {
  const config = program
    .command('config')
    .summary('check a configuration of the gateway')
    .description('Works with configurations of the gateway.');
  config
    .command('check')
    .summary('check a configuration file')
    .description(
      "Checks a configuration file of the gateway with the gateway's own parser, and names each wrong setting with what is " +
        'expected, never the value. Exits with 78 if there is one, as the gateway would.',
    )
    .argument('<file>', 'a YAML file, as HOLDFAST_CONFIG names it')
    .option('--env', 'check the HOLDFAST_* variables of the environment as well')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast config check holdfast.yaml
  $ HOLDFAST_JWT_SECRET_FILE=jwt-secret holdfast config check holdfast.yaml --env`,
    )
    .action(async (file: string, { env, json }: CheckOptions) => {
      const problems = await problemsOf({ ...(env ? io.env : {}), HOLDFAST_CONFIG: file });
      if (json) {
        for (const problem of problems) terminal.print(printableJson({ ...settingOf(problem), file }));
      } else {
        for (const problem of problems) terminal.print(printable(problem));
      }
      const count = problems.length;
      if (count > 0)
        throw new Failure(EXIT.config, `the configuration is not valid: ${count} problem${count === 1 ? '' : 's'}`);
      terminal.notice('the configuration is valid');
    });
}

async function problemsOf(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  // Loaded only here: it takes longer than other commands run.
  const { ConfigError, loadConfig } = await import('@holdfast/gateway/config');
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** `SETTING: what is wrong`. */
function settingOf(problem: string): { setting?: string; problem: string } {
  const [, setting, rest] = /^([^\s:]+): (.*)$/s.exec(problem) ?? [];
  return setting === undefined || rest === undefined ? { problem } : { setting, problem: rest };
}

import type { Command, Option } from 'commander';

/** A command, as far as shells complete it. */
interface Node {
  /** `context add`; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly Option[];
  /** Whether an argument is a file. */
  readonly takesFiles: boolean;
}

function nodesOf(command: Command, path: readonly string[] = []): Node[] {
  return [
    {
      path: path.join(' '),
      commands: command.commands.map((child) => ({ name: child.name(), summary: child.summary() })),
      options: command.createHelp().visibleOptions(command),
      takesFiles: command.registeredArguments.some((argument) => argument.name() === 'file'),
    },
    ...command.commands.flatMap((child) => nodesOf(child, [...path, child.name()])),
  ];
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined && flag !== null);
}

function allFlagsOf(options: readonly Option[]): string[] {
  return [...new Set(options.flatMap(flagsOf))];
}

function isFile({ flags }: Option): boolean {
  return /<(?:path|file)>/.test(flags);
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The flags of options of which a value follows, by what it is. */
function valuesOf(nodes: readonly Node[]) {
  const valued = nodes.flatMap(({ options }) => options).filter(takesValue);
  const choices = new Map(
    valued.flatMap((option) =>
      option.argChoices === undefined ? [] : [[option.long ?? '', option.argChoices] as const],
    ),
  );
  return {
    files: allFlagsOf(valued.filter(isFile)),
    choices,
    others: allFlagsOf(valued.filter((option) => !isFile(option) && option.argChoices === undefined)),
  };
}

/** In bash and zsh alike: finds the command that the words before the cursor name. */
function findCommand(nodes: readonly Node[], first: string, word: string): string {
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => quoted(` ${path}`));
  return `  local at='' i
  for ((i = ${first}; i < ${word === 'words' ? 'CURRENT' : 'COMP_CWORD'}; i++)); do
    case "$at \${${word}[i]}" in
      ${paths.join('|')}) at="$at \${${word}[i]}" ;;
    esac
  done`;
}

function bash(name: string, nodes: readonly Node[]): string {
  const { files, choices, others } = valuesOf(nodes);
  const cases = nodes.map(({ path, commands, options, takesFiles }) => {
    const words = [...commands.map((command) => command.name), ...options.flatMap(flagsOf)].join(' ');
    const then = takesFiles ? '; COMPREPLY=($(compgen -f -- "$cur"))' : '';
    return `    ${quoted(path === '' ? '' : ` ${path}`)}) words=${quoted(words)}${then} ;;`;
  });
  return `# Completion of ${name} for bash: source <(${name} completion bash)
_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} words=''
${findCommand(nodes, '1', 'COMP_WORDS')}
  COMPREPLY=()
  case "$prev" in
    ${files.join('|')}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
${[...choices].map(([flag, values]) => `    ${flag}) COMPREPLY=($(compgen -W ${quoted(values.join(' '))} -- "$cur")); return ;;`).join('\n')}
    ${others.join('|')}) return ;;
  esac
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
complete -o filenames -F _${name} ${name}
`;
}

/** For `_describe` of zsh. */
function described(word: string, text: string): string {
  return quoted(`${word.replaceAll(':', String.raw`\:`)}:${text}`);
}

function zsh(name: string, nodes: readonly Node[]): string {
  const { files, choices, others } = valuesOf(nodes);
  const cases = nodes.map(({ path, commands, options, takesFiles }) => {
    const items = [
      ...commands.map((command) => described(command.name, command.summary)),
      ...options.flatMap((option) => flagsOf(option).map((flag) => described(flag, option.description))),
    ];
    return `    ${quoted(path === '' ? '' : ` ${path}`)}) items=(${items.join(' ')})${takesFiles ? '; _files' : ''} ;;`;
  });
  return `#compdef ${name}
# Completion of ${name} for zsh: source <(${name} completion zsh)
_${name}() {
  local -a items
${findCommand(nodes, '2', 'words')}
  case "$words[CURRENT-1]" in
    ${files.join('|')}) _files; return ;;
${[...choices].map(([flag, values]) => `    ${flag}) compadd -- ${values.join(' ')}; return ;;`).join('\n')}
    ${others.join('|')}) return ;;
  esac
  case "$at" in
${cases.join('\n')}
  esac
  _describe ${name} items
}
# A file in fpath is loaded when it is needed for the first time, and has to complete then as well.
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function fish(name: string, nodes: readonly Node[]): string {
  const lines = nodes.flatMap((node) => {
    const condition = fishCondition(node);
    return [
      ...node.commands.map(
        (command) => `complete -c ${name} ${condition} -a ${command.name} -d ${quoted(command.summary)}`,
      ),
      ...node.options.map((option) => `complete -c ${name} ${condition} ${fishOption(option)}`),
      ...(node.takesFiles ? [`complete -c ${name} ${condition} -F`] : []),
    ];
  });
  return `# Completion of ${name} for fish: ${name} completion fish | source
complete -c ${name} -f
${lines.join('\n')}
`;
}

function fishCondition({ path, commands }: Node): string {
  const seen = path === '' ? [] : path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
  const names = commands.map(({ name }) => name).join(' ');
  const notYet = names === '' ? [] : [`not __fish_seen_subcommand_from ${names}`];
  return `-n ${quoted([...seen, ...notYet].join('; and '))}`;
}

function fishOption(option: Option): string {
  const { short, long, description, argChoices } = option;
  return [
    ...(short ? [`-s ${short.slice(1)}`] : []),
    ...(long ? [`-l ${long.slice(2)}`] : []),
    ...(takesValue(option) ? ['-r'] : []),
    ...(isFile(option) ? ['-F'] : []),
    ...(argChoices === undefined ? [] : [`-a ${quoted(argChoices.join(' '))}`]),
    `-d ${quoted(description)}`,
  ].join(' ');
}

const SCRIPTS = { bash, zsh, fish } as const;

export const SHELLS = ['bash', 'zsh', 'fish'] as const satisfies readonly (keyof typeof SCRIPTS)[];

/** The script by which a shell completes the program. */
export function completionOf(program: Command, shell: keyof typeof SCRIPTS): string {
  return SCRIPTS[shell](program.name(), nodesOf(program));
}

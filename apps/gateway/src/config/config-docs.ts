import { describeConfig, expectationOf, pathName, settingsOf, type Description } from './description.js';

/** A configuration file, shown in the docs. */
export const EXAMPLE = `\
allowedOrigins:
  - https://chat.example.com
  - https://*.preview.example.com
auth:
  jwt:
    issuer: https://accounts.example.com
drain:
  settle: 7
namespaceDefaults:
  history: { size: 50, ttl: 600 }
namespaces:
  chat: # channels chat:…
    presence: true
    publish: subscribers
  news:
    history: { size: 1000, ttl: 86400 }
    subscribe: anyone
  '@': # the users' own channels
    history: { size: 500 }
`;

const INTRODUCTION = `\
# Configuration

<!-- Generated from the schema in apps/gateway/src/config by its generate.ts: edit that. -->

The gateway reads variables of its environment, and a YAML file that \`HOLDFAST_CONFIG\` names. A variable wins over the
file, the file over the default. An empty variable counts as unset. In the file every member is optional;
\`apps/gateway/config.schema.json\` is its JSON Schema (draft-07).

Whatever is wrong is told at once when the gateway starts, each with the variable or path and what was expected, never
with the value; it then exits with code 78 (\`EX_CONFIG\`). That includes unknown members of the file and unknown
\`HOLDFAST_*\` variables. Those that Kubernetes sets for Services are ignored, but a Service named \`holdfast\` overwrites
\`HOLDFAST_PORT\` unless the pod has \`enableServiceLinks: false\`.

Durations are in seconds, fractions allowed.

## Secrets

Secrets stand in variables, never in the file. Instead of each there can be one with \`_FILE\` at its end, the path of a
UTF-8 file that holds the value, such as a mounted Kubernetes Secret; a newline at its end does not count. Such a file is
read again when it changes: a valid value is used from then on, another is logged and the one before it stays.
`;

const NAMESPACES = `\
The part of a channel's name before its first \`:\` is its namespace. Each has the options of \`namespaceDefaults\`, except
for those that \`namespaces\` sets under its name. \`@\` is the namespace of all users' own channels, and has no \`subscribe\`:
nobody but its user subscribes to one.
`;

/** docs/configuration.md, in Markdown. */
export function configDocs(): string {
  const production = describeConfig('production');
  const development = describeConfig('development');
  const plain: string[] = [];
  const sections: string[] = [];
  for (const [name, member] of Object.entries(production.properties ?? {})) {
    const inDevelopment = development.properties?.[name] ?? {};
    if (member.properties === undefined) {
      if (name !== 'namespaces') plain.push(...rows(member, inDevelopment, [name]));
      continue;
    }
    const heading = name === 'namespaceDefaults' ? 'namespaceDefaults, namespaces' : name;
    const introduction = name === 'namespaceDefaults' ? NAMESPACES : `${member.description}\n`;
    sections.push(`## ${heading}\n\n${introduction}\n${table(rows(member, inDevelopment, [name]))}`);
  }
  return [
    INTRODUCTION,
    `## General\n\n${table(plain)}`,
    ...sections,
    `## Example\n\n\`\`\`yaml\n${EXAMPLE}\`\`\`\n`,
  ].join('\n');
}

function table(lines: readonly string[]): string {
  const head = ['| Path | Variable | Default | Value | Meaning |', '| --- | --- | --- | --- | --- |'];
  return `${[...head, ...lines].join('\n')}\n`;
}

function rows(production: Description, development: Description, path: readonly string[]): string[] {
  const inDevelopment = settingsOf(development, path);
  return settingsOf(production, path).map((setting, index) => {
    const { description } = setting;
    const columns = [
      description.secret === undefined ? code(pathName(setting.path)) : '–',
      variables(description),
      defaults(description, inDevelopment[index]?.description ?? description),
      expectationOf(description).replaceAll('*', '\\*'),
      description.description ?? '',
    ];
    return `| ${columns.join(' | ')} |`;
  });
}

function variables({ env, file }: Description): string {
  if (env === undefined) return '–';
  return file === undefined ? code(env) : `${code(env)}, ${code(`${env}_FILE`)}`;
}

function defaults(production: Description, development: Description): string {
  if (production.otherwise !== undefined) return production.otherwise;
  const [value, inDevelopment] = [production.default, development.default].map((fallback) =>
    fallback === undefined || typeof fallback === 'object' ? '–' : code(String(fallback)),
  );
  return value === inDevelopment ? `${value}` : `${value}; ${inDevelopment} in development`;
}

function code(text: string): string {
  return `\`${text}\``;
}

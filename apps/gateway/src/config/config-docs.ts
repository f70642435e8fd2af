import { describeConfig, expectationOf, pathName, settingsOf, type Description } from './description.js';

/** A configuration file for the docs. */
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

<!-- Generated from the schema in apps/gateway/src/config: edit that. -->

The gateway reads environment variables, and the YAML file named by \`HOLDFAST_CONFIG\`. Variables take precedence over the
file, and the file over the defaults. An empty variable counts as unset. Every member of the file is optional;
\`apps/gateway/config.schema.json\` is its JSON Schema (draft-07).

At startup the gateway reports everything that is wrong, each with the variable or path and the expected value, but never
the actual one. It then exits with code 78 (\`EX_CONFIG\`). Unknown members of the file are errors, and so are unknown
\`HOLDFAST_*\` variables. Those that Kubernetes sets for Services are ignored, but a Service named \`holdfast\` overrides
\`HOLDFAST_PORT\` unless the pod has \`enableServiceLinks: false\`.

Durations are in seconds; fractions are allowed.

Traces have no settings here: OpenTelemetry's own variables decide, see [monitoring.md](monitoring.md#traces).

## Secrets

Secrets are set by variables, never in the file. Each can be replaced by a variable ending in \`_FILE\` with the path of a
UTF-8 file that contains the value, such as a mounted Kubernetes Secret. A trailing newline is ignored. The file is reloaded
when it changes: a valid value takes effect at once, and an invalid one is logged and ignored.
`;

const NAMESPACES = `\
The namespace of a channel is the part of its name before the first \`:\`. Namespaces have the options of
\`namespaceDefaults\`, unless \`namespaces\` overrides them. \`@\` is the namespace of all users' own channels. It has no
\`subscribe\`, since only its user may subscribe to such a channel.
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

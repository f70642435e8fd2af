import { describeEvent, logEvents, type EventName } from './events.js';

const INTRODUCTION = `\
# Logs

<!-- Generated from the catalogue in apps/gateway/src/logging/events.ts: edit that. -->

The gateway logs to standard output, one JSON object per line. \`log.level\` is the lowest level that is logged, see
[configuration.md](configuration.md#log). In development mode the lines are for people instead.

Each line has these fields:

| Field   | Meaning                                                                                                |
| ------- | ------------------------------------------------------------------------------------------------------ |
| \`level\` | 20 \`debug\`, 30 \`info\`, 40 \`warn\`, 50 \`error\`, 60 \`fatal\`                                               |
| \`time\`  | in ms since the Unix epoch                                                                             |
| \`event\` | what happened, one of the names below                                                                  |
| \`msg\`   | the same for people; it may change between releases                                                    |

Search for \`event\` and alert on it: the names stay, and a line that is removed or renamed is in the changelog. To see one kind of
line of a release:

\`\`\`sh
kubectl logs deployment/holdfast | jq -c 'select(.event == "token.refused")'
\`\`\`

An outage is one line when it begins and one when it ends. Lines of what may happen often, for example once per client, are sampled:
at most one line a minute is written for the same values of the fields in the column Sampled by, and the next one has the number of
those that were skipped as \`skipped\`. The metrics count all of them. Lines at level \`debug\` are not sampled.

A gateway that cannot start reports why on standard error, as text: each line begins with \`holdfast:\`. Tokens, sessions, keys and
messages are never logged, at any level, except for the API key that a gateway in development mode generates for itself.
`;

/** What the part of a name before the dot stands for. */
const SECTIONS: Readonly<Record<string, string>> = {
  gateway: 'The process',
  secret: 'Secrets',
  overload: 'Overload',
  broker: 'The broker',
  token: 'Tokens, origins and keys',
  authorization: 'Webhooks',
  connection: 'Clients',
  http: 'Requests that failed, and HTTP',
  traces: 'Traces',
  nest: 'Nest and other modules',
};

/** docs/logs.md, in Markdown. */
export function logDocs(): string {
  const lines: string[] = [];
  for (const event of Object.keys(logEvents) as EventName[]) {
    const heading = SECTIONS[event.split('.', 1)[0] ?? ''];
    const isNew = heading !== undefined && !lines.includes(`## ${heading}`);
    if (isNew) {
      lines.push('', `## ${heading}`, '', '| Event | Level | When | Fields | Sampled by |', '| - | - | - | - | - |');
    }
    lines.push(rowOf(event));
  }
  return `${INTRODUCTION}${lines.join('\n')}\n`;
}

function rowOf(event: EventName): string {
  const { level, when, fields = {}, sampledBy } = describeEvent(event);
  const described = Object.entries(fields).map(([name, meaning]) => `\`${name}\`: ${meaning}`);
  const sampled = sampledBy?.map((name) => `\`${name}\``).join(', ');
  const cells = [`\`${event}\``, `\`${level}\``, when, described.join('<br>'), sampled === '' ? 'all lines' : sampled];
  return `| ${cells.map((cell) => cell ?? '').join(' | ')} |`;
}

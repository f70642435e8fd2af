import type { BrokerCapabilities } from '@holdfast/broadcast';
import type { Config, NamespaceOptions } from '../config/index.js';

/**
 * What the configuration asks for and the broker cannot do.
 *
 * @returns for each problem the name of the setting, and of the broker's capability.
 */
export function capabilityProblems(config: Config, capabilities: BrokerCapabilities): string[] {
  const { idempotency, maxKeyWindow, maxPayload, presence } = capabilities;
  const { keyWindow, connection, webhooks, namespaceDefaults, namespaces } = config;
  const problems = namespaceProblems('namespaceDefaults', namespaceDefaults, capabilities);
  const inherited = new Set(problems.map(({ setting }) => setting));
  for (const [name, options] of namespaces) {
    const own = namespaceProblems(`namespaces.${name}`, options, capabilities);
    // What a namespace inherits is reported once.
    problems.push(
      ...own.filter(({ setting }) => !inherited.has(setting.replace(`namespaces.${name}`, 'namespaceDefaults'))),
    );
  }
  const texts = problems.map(({ setting, text }) => `${setting}: ${text}`);
  if (!idempotency) texts.push('keyWindow: the broker remembers no keys (capability idempotency)');
  if (keyWindow > maxKeyWindow) texts.push(`keyWindow: ${atMost(maxKeyWindow / 1000, 'seconds', 'maxKeyWindow')}`);
  if (connection.maxPayload > maxPayload) {
    texts.push(`connection.maxPayload: ${atMost(maxPayload, 'bytes', 'maxPayload')}`);
  }
  if (webhooks.events.url !== undefined && !presence) {
    texts.push('webhooks.events.url: the broker keeps no presence, which events need (capability presence)');
  }
  return texts;
}

interface Problem {
  readonly setting: string;
  readonly text: string;
}

function namespaceProblems(path: string, options: NamespaceOptions, capabilities: BrokerCapabilities): Problem[] {
  const { history, maxHistoryTtl, presence, plainMessages } = capabilities;
  const problems: Problem[] = [];
  if (options.history.size > 0 && !history) {
    problems.push({
      setting: `${path}.history.size`,
      text: 'the broker keeps no history (capability history): set it to 0',
    });
  }
  if (options.history.size > 0 && options.history.ttl > maxHistoryTtl) {
    problems.push({
      setting: `${path}.history.ttl`,
      text: atMost(maxHistoryTtl / 1000, 'seconds', 'maxHistoryTtl'),
    });
  }
  if (options.presence && !presence) {
    problems.push({
      setting: `${path}.presence`,
      text: 'the broker keeps no presence (capability presence): set it to false',
    });
  }
  if (options.brokerPublish && !plainMessages) {
    problems.push({
      setting: `${path}.brokerPublish`,
      text: 'backends cannot publish through this broker (capability plainMessages): set it to false',
    });
  }
  return problems;
}

function atMost(limit: number, unit: string, capability: string): string {
  return `the broker supports at most ${limit} ${unit} (capability ${capability})`;
}

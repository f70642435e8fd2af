import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CHART, render } from './support/helm.ts';

describe('the ServiceMonitor', () => {
  it('selects only the headless Service', async () => {
    const manifests = await render({ metrics: { serviceMonitor: { enabled: true } } });
    const { selector, endpoints } = manifests.get('ServiceMonitor').spec;
    const found = manifests
      .find('Service')
      .filter(({ metadata }) =>
        Object.entries(selector.matchLabels).every(([label, value]) => metadata.labels?.[label] === value),
      );
    expect(found.map(({ metadata }) => metadata.name)).toEqual(['test-holdfast-headless']);
    expect(found[0]?.spec.ports).toContainEqual({ name: endpoints[0].port, port: 8001, targetPort: 'management' });
  });
});

describe('alerts and dashboards', async () => {
  const sources = fileURLToPath(new URL('../../apps/gateway/src', import.meta.url));
  const files = await readdir(sources, { recursive: true });
  const code = await Promise.all(
    files.filter((file) => file.endsWith('.ts')).map((file) => readFile(join(sources, file), 'utf8')),
  );
  const names = new Set(
    [...code.join('\n').matchAll(/\b(counter|gauge|histogram|total)\(\s*'(?:holdfast_)?(\w+)'/g)].flatMap(
      ([, kind, name]) => {
        const metric = `holdfast_${name}`;
        if (kind === 'gauge') return [metric];
        return kind === 'histogram' ? [`${metric}_bucket`, `${metric}_sum`, `${metric}_count`] : [`${metric}_total`];
      },
    ),
  );

  it.each(['files/alerts.yaml', 'files/dashboards/holdfast.json'])(
    'in %s use metrics that the gateway exports',
    async (file) => {
      const asked = new Set((await readFile(join(CHART, file), 'utf8')).match(/\bholdfast_\w+/g));
      expect(asked.size).toBeGreaterThan(0);
      expect([...asked].filter((name) => !names.has(name))).toEqual([]);
    },
  );
});

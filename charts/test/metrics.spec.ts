import { describe, expect, it } from 'vitest';
import { render } from './support/helm.ts';
import { groupsOf } from './support/promtool-tests.ts';

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

async function dashboards(release: string): Promise<[file: string, { uid: string; title: string }][]> {
  const manifests = await render({ metrics: { dashboard: { enabled: true } } }, { release });
  const { data = {} } = manifests.get('ConfigMap', `${release}-holdfast-dashboard`);
  return Object.entries(data).map(([file, json]) => [file, JSON.parse(json) as { uid: string; title: string }]);
}

describe('the dashboards', () => {
  it('use only recorded series that the rules record', async () => {
    const manifests = await render({
      metrics: { prometheusRule: { enabled: true }, dashboard: { enabled: true } },
    });
    const recorded = new Set(groupsOf(manifests).flatMap(({ rules }) => rules.map(({ record }) => record)));
    const text = Object.values(manifests.get('ConfigMap', 'test-holdfast-dashboard').data ?? {}).join();
    const used = text.match(/\bholdfast:\w+:\w+/g) ?? [];
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((name) => !recorded.has(name))).toEqual([]);
  });

  it('of two releases have different ids and files, and titles that name the release', async () => {
    const all = [...(await dashboards('a')), ...(await dashboards('b'))];
    expect(all.map(([, { title }]) => title)).toEqual([
      'Holdfast broker: test-ns/a-holdfast',
      'Holdfast: test-ns/a-holdfast',
      'Holdfast pod: test-ns/a-holdfast',
      'Holdfast broker: test-ns/b-holdfast',
      'Holdfast: test-ns/b-holdfast',
      'Holdfast pod: test-ns/b-holdfast',
    ]);
    expect(new Set(all.map(([file]) => file)).size).toBe(all.length);
    expect(new Set(all.map(([, { uid }]) => uid)).size).toBe(all.length);
    // Grafana's limit.
    for (const [, { uid }] of all) expect(uid.length).toBeLessThanOrEqual(40);
  });
});

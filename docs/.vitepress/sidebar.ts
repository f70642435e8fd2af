import { readFileSync, readdirSync } from 'node:fs';
import type { DefaultTheme } from 'vitepress';

const PAGES = new URL('../', import.meta.url);

/** The pages in the order in which a new user asks. Their titles are those of the pages. */
export const SIDEBAR: DefaultTheme.SidebarItem[] = [
  group('Start', 'getting-started', 'concepts', 'backends', 'frameworks', 'patterns', 'calls', 'webhooks'),
  group(
    'Kubernetes',
    'quick-start-kind',
    'kubernetes',
    ...inFolder('kubernetes', 'gke', 'eks', 'aks', 'openshift', 'gitops'),
    'from-plain-manifests',
    'image',
  ),
  group(
    'Ingress controllers',
    'ingress',
    ...inFolder('ingress', 'ingress-nginx', 'traefik', 'haproxy', 'envoy', 'istio', 'aws', 'google'),
  ),
  group('Brokers', 'brokers', ...pagesIn('brokers')),
  group('To production', 'production', 'security', 'scaling', 'limits', 'cost'),
  group(
    'Operations',
    'monitoring',
    'monitoring/alerts',
    'logs',
    'operations-page',
    'troubleshooting',
    'troubleshooting/faults',
    'debugging',
    'admin-api',
    'disaster-recovery',
    'disaster-recovery/drill',
  ),
  group('Coming from elsewhere', 'migrating', 'comparison', 'performance', 'resilience'),
  group(
    'Reference',
    'promises',
    'protocol',
    'errors',
    'configuration',
    'cli',
    'conformance',
    'glossary',
    'cheat-sheet',
  ),
  group('How it is built', 'architecture', 'development', 'style', 'adr/README'),
  { ...group('Decisions', ...pagesIn('adr', 'README')), collapsed: true },
  { ...group('Runbooks', ...pagesIn('runbooks')), collapsed: true },
];

function group(text: string, ...pages: readonly string[]): DefaultTheme.SidebarItem {
  return { text, items: pages.map((page) => ({ text: titleOf(page), link: `/${page}` })) };
}

function inFolder(folder: string, ...names: readonly string[]): string[] {
  return names.map((name) => `${folder}/${name}`);
}

/** All pages of a folder, except one. */
function pagesIn(folder: string, except?: string): string[] {
  const names = readdirSync(new URL(folder, PAGES)).filter((name) => name.endsWith('.md'));
  return names
    .map((name) => name.replace(/\.md$/, ''))
    .filter((name) => name !== except)
    .toSorted()
    .map((name) => `${folder}/${name}`);
}

function titleOf(page: string): string {
  const text = readFileSync(new URL(`${page}.md`, PAGES), 'utf8');
  const title = /^# (.+)$/m.exec(text)?.[1];
  if (title === undefined) throw new Error(`docs/${page}.md has no title`);
  return title.replaceAll('`', '');
}

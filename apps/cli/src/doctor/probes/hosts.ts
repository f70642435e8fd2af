import type { Gateway } from '../gateway/gateway.js';
import type { Snapshot } from '../snapshot/snapshot.js';
import { ingressesOf, routesOf, WEBSOCKET_PATH } from '../checks/routes.js';

/** The URLs that clients use, as far as objects say so: one for each host. */
export function hostsOf(snapshot: Snapshot, gateway: Gateway): URL[] {
  const urls = new Map<string, URL>();
  const add = (host: string, isSecure: boolean): void => {
    // A wildcard is no host to connect to.
    if (host === '' || host.includes('*') || urls.has(host)) return;
    urls.set(host, new URL(`${isSecure ? 'wss' : 'ws'}://${host}${WEBSOCKET_PATH}`));
  };
  for (const { spec } of ingressesOf(snapshot, gateway)) {
    for (const { host = '' } of spec?.rules ?? []) {
      add(
        host,
        (spec?.tls ?? []).some(({ hosts = [] }) => hosts.length === 0 || hosts.includes(host)),
      );
    }
  }
  for (const { spec } of routesOf(snapshot, gateway)) {
    for (const host of spec?.hostnames ?? []) {
      add(
        host,
        (spec?.parentRefs ?? []).some(({ sectionName = '', port }) => port === 443 || /https|tls/.test(sectionName)),
      );
    }
  }
  return [...urls.values()];
}

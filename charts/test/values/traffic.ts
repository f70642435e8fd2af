import type { Manifests } from '../support/helm.ts';
import { gatewayOf, ingressOf } from '../support/traffic.ts';
import type { ValueCase } from './case.ts';

const NAME = 'test-holdfast';

const service = (manifests: Manifests) => manifests.get('Service', NAME);
const ingress = (manifests: Manifests) => manifests.get('Ingress', NAME);
const route = (manifests: Manifests) => manifests.get('HTTPRoute', NAME);

const ingressAnnotation =
  (key: string) =>
  (manifests: Manifests): string | undefined =>
    ingress(manifests).metadata.annotations?.[key];

const egress = (manifests: Manifests) => manifests.get('NetworkPolicy', NAME).spec.egress;

const NETWORK_POLICY = { networkPolicy: { enabled: true, controllers: [{ podSelector: {} }] } };
const LOAD_BALANCER = { service: { type: 'LoadBalancer' } };
const NGINX = { ingress: ingressOf('nginx') };
const NGINX_TLS = { ...NGINX, tls: { enabled: true } };
const NGINX_COOKIE = { ...NGINX, sessionAffinity: { mode: 'cookie' } };

const nginx = (key: string): ((manifests: Manifests) => string | undefined) =>
  ingressAnnotation(`nginx.ingress.kubernetes.io/${key}`);

/** What leads clients to the gateway. */
export const cases: Readonly<Record<string, ValueCase>> = {
  'timeouts.read': { value: 60, with: NGINX, look: nginx('proxy-read-timeout'), expect: '60' },
  'timeouts.send': { value: 60, with: NGINX, look: nginx('proxy-send-timeout'), expect: '60' },

  'service.type': { value: 'LoadBalancer', look: (all) => service(all).spec.type, expect: 'LoadBalancer' },
  'service.port': { value: 8080, look: (all) => service(all).spec.ports[0].port, expect: 8080 },
  'service.annotations': {
    value: { 'example.com/key': 'value' },
    look: (all) => service(all).metadata.annotations,
    expect: { 'example.com/key': 'value' },
  },
  'service.nodePort': {
    value: 30_080,
    with: { service: { type: 'NodePort' } },
    look: (all) => service(all).spec.ports[0].nodePort,
    expect: 30_080,
  },
  'service.appProtocol': {
    value: 'kubernetes.io/ws',
    look: (all) => service(all).spec.ports[0].appProtocol,
    expect: 'kubernetes.io/ws',
  },
  'service.labels': {
    value: { team: 'a' },
    look: (all) => service(all).metadata.labels?.['team'],
    expect: 'a',
  },
  'service.loadBalancerClass': {
    value: 'service.k8s.aws/nlb',
    with: LOAD_BALANCER,
    look: (all) => service(all).spec.loadBalancerClass,
    expect: 'service.k8s.aws/nlb',
  },
  'service.loadBalancerSourceRanges': {
    value: ['192.0.2.0/24'],
    with: LOAD_BALANCER,
    look: (all) => service(all).spec.loadBalancerSourceRanges,
    expect: ['192.0.2.0/24'],
  },
  'service.ipFamilyPolicy': {
    value: 'PreferDualStack',
    look: (all) => service(all).spec.ipFamilyPolicy,
    expect: 'PreferDualStack',
  },
  'service.ipFamilies': {
    value: ['IPv6', 'IPv4'],
    look: (all) => service(all).spec.ipFamilies,
    expect: ['IPv6', 'IPv4'],
  },
  'service.trafficDistribution': {
    value: 'PreferClose',
    look: (all) => service(all).spec.trafficDistribution,
    expect: 'PreferClose',
  },
  'service.externalTrafficPolicy': {
    value: 'Local',
    with: LOAD_BALANCER,
    look: (all) => service(all).spec.externalTrafficPolicy,
    expect: 'Local',
  },

  'sessionAffinity.mode': {
    value: 'clientIP',
    look: (all) => service(all).spec.sessionAffinity,
    expect: 'ClientIP',
  },
  'sessionAffinity.clientIP.timeoutSeconds': {
    value: 60,
    with: { sessionAffinity: { mode: 'clientIP' } },
    look: (all) => service(all).spec.sessionAffinityConfig,
    expect: { clientIP: { timeoutSeconds: 60 } },
  },
  'sessionAffinity.cookie.name': {
    value: 'pod',
    with: NGINX_COOKIE,
    look: nginx('session-cookie-name'),
    expect: 'pod',
  },
  'sessionAffinity.cookie.maxAge': {
    value: 60,
    with: NGINX_COOKIE,
    look: nginx('session-cookie-max-age'),
    expect: '60',
  },
  'sessionAffinity.cookie.secure': {
    value: true,
    with: NGINX_COOKIE,
    look: nginx('session-cookie-secure'),
    expect: 'true',
  },
  'sessionAffinity.cookie.sameSite': {
    value: 'Strict',
    with: NGINX_COOKIE,
    look: nginx('session-cookie-samesite'),
    expect: 'Strict',
  },

  'ingress.enabled': { value: true, look: (all) => all.find('Ingress').length, expect: 1 },
  'ingress.controller': {
    value: 'alb',
    with: NGINX,
    look: (all) => ingress(all).spec.ingressClassName,
    expect: 'alb',
  },
  'ingress.className': {
    value: 'internal',
    with: NGINX,
    look: (all) => ingress(all).spec.ingressClassName,
    expect: 'internal',
  },
  'ingress.annotations': {
    value: { 'example.com/key': 'value' },
    with: NGINX,
    look: ingressAnnotation('example.com/key'),
    expect: 'value',
  },
  'ingress.hosts': {
    value: ['a.example.com', 'b.example.com'],
    with: NGINX,
    look: (all) => ingress(all).spec.rules.map(({ host }: { host: string }) => host),
    expect: ['a.example.com', 'b.example.com'],
  },
  'ingress.exposeApi': {
    value: true,
    with: NGINX,
    look: (all) => ingress(all).spec.rules[0].http.paths.map(({ path }: { path: string }) => path),
    expect: ['/ws', '/api'],
  },

  'clientAddresses.derive': {
    value: false,
    with: NGINX,
    look: (all) => all.get('ConfigMap', NAME).data?.['config.yaml']?.includes('trustedHops'),
    expect: false,
  },

  'gateway.enabled': {
    value: true,
    with: { gateway: gatewayOf('', { enabled: false }) },
    look: (all) => all.find('HTTPRoute').length,
    expect: 1,
  },
  'gateway.controller': {
    value: 'envoy',
    with: { gateway: gatewayOf('') },
    look: (all) => all.find('BackendTrafficPolicy').length,
    expect: 1,
  },
  'gateway.parentRefs': {
    value: [{ name: 'other' }],
    with: { gateway: gatewayOf('') },
    look: (all) => route(all).spec.parentRefs,
    expect: [{ name: 'other' }],
  },
  'gateway.redirectParentRefs': {
    value: [{ name: 'public', sectionName: 'http' }],
    with: { gateway: gatewayOf(''), tls: { enabled: true } },
    look: (all) => all.find('HTTPRoute', `${NAME}-redirect`)[0]?.spec.parentRefs,
    expect: [{ name: 'public', sectionName: 'http' }],
  },
  'gateway.hostnames': {
    value: ['a.example.com'],
    with: { gateway: gatewayOf('') },
    look: (all) => route(all).spec.hostnames,
    expect: ['a.example.com'],
  },
  'gateway.annotations': {
    value: { 'example.com/key': 'value' },
    with: { gateway: gatewayOf('') },
    look: (all) => route(all).metadata.annotations,
    expect: { 'example.com/key': 'value' },
  },

  'networkPolicy.egress.dns.to': {
    value: [{ ipBlock: { cidr: '169.254.20.10/32' } }],
    with: NETWORK_POLICY,
    look: (all) => egress(all)[0].to,
    expect: [{ ipBlock: { cidr: '169.254.20.10/32' } }],
  },
  'networkPolicy.egress.dns.ports': {
    value: [1053],
    with: NETWORK_POLICY,
    look: (all) => egress(all)[0].ports,
    expect: [
      { port: 1053, protocol: 'UDP' },
      { port: 1053, protocol: 'TCP' },
    ],
  },

  'tls.enabled': {
    value: true,
    with: NGINX,
    look: (all) => ingress(all).spec.tls,
    expect: [{ hosts: ['ws.example.com'] }],
  },
  'tls.secretName': {
    value: 'mine',
    with: NGINX_TLS,
    look: (all) => ingress(all).spec.tls[0].secretName,
    expect: 'mine',
  },
  'tls.certManager.clusterIssuer': {
    value: 'letsencrypt',
    with: NGINX_TLS,
    look: ingressAnnotation('cert-manager.io/cluster-issuer'),
    expect: 'letsencrypt',
  },
  'tls.certManager.issuer': {
    value: 'letsencrypt',
    with: NGINX_TLS,
    look: ingressAnnotation('cert-manager.io/issuer'),
    expect: 'letsencrypt',
  },
  'tls.redirect': { value: false, with: NGINX_TLS, look: nginx('ssl-redirect'), expect: 'false' },
};

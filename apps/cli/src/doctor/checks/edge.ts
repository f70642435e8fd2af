import { isIP } from 'node:net';
import type { Finding } from '../finding.js';
import { nameOf } from '../gateway/labels.js';
import type { Certificate, EdgeProbe } from '../probes/probes.js';
import type { Check, Situation } from './check.js';
import { controllerOf } from './controllers.js';
import { ingressesOf } from './routes.js';

const WEEK = 7 * 24 * 3_600_000;

/** The certificates that controllers present if they have none for a host. */
const DEFAULT_CERTIFICATES = /Kubernetes Ingress Controller Fake Certificate|TRAEFIK DEFAULT CERT/;

export function isDefaultCertificate({ subject }: Certificate): boolean {
  return DEFAULT_CERTIFICATES.test(subject);
}

/** What a client experiences: DNS, TLS, the upgrade, and an idle WebSocket. */
export const checkEdge: Check = function* (situation) {
  for (const probe of situation.probes.edges) {
    yield* checkDns(probe, situation);
    yield* checkCertificate(probe, situation);
    yield* checkUpgrade(probe);
    yield* checkIdle(probe, situation);
  }
};

function* checkDns({ host, resolved, upgrade }: EdgeProbe, { snapshot, gateway }: Situation): Generator<Finding> {
  if (resolved === undefined || isIP(host) !== 0) return;
  const ingresses = ingressesOf(snapshot, gateway).filter(({ spec }) =>
    spec?.rules?.some((rule) => rule.host === host),
  );
  const published = ingresses
    .flatMap(({ status }) => status?.loadBalancer?.ingress ?? [])
    .flatMap(({ ip }) => ip ?? []);
  const expected = published.length === 0 ? '' : ` The address of the Ingress is ${published.join(', ')}.`;
  if (resolved.length === 0) {
    yield {
      id: 'HF101',
      object: host,
      evidence: `DNS has no address for it.${expected}`,
      mend: `create a record for ${host}${published.length === 0 ? '' : ` with ${published[0]}`}`,
    };
  } else if (
    published.length > 0 &&
    !resolved.some((address) => published.includes(address)) &&
    // A proxy in front has addresses of its own.
    !(upgrade?.kind === 'opened' || upgrade?.kind === 'refused')
  ) {
    yield {
      id: 'HF102',
      object: host,
      evidence: `DNS has ${resolved.join(', ')}.${expected}`,
      mend: `change the record of ${host} to ${published[0]}`,
    };
  }
}

function* checkCertificate({ host, certificate }: EdgeProbe, { snapshot, gateway }: Situation): Generator<Finding> {
  if (certificate === undefined) return;
  const { subject, names, validTo, fitsHost, untrusted } = certificate;
  const ingress = ingressesOf(snapshot, gateway).find(({ spec }) => spec?.rules?.some((rule) => rule.host === host));
  const secret = ingress?.spec?.tls?.find(({ hosts = [] }) => hosts.length === 0 || hosts.includes(host))?.secretName;
  const object = secret === undefined ? host : `Secret/${secret}`;
  const left = validTo.getTime() - snapshot.takenAt.getTime();
  if (isDefaultCertificate(certificate)) {
    yield {
      id: 'HF110',
      object,
      evidence: `${host} presents the certificate ${subject}`,
      mend: `kubectl describe secret ${secret ?? 'NAME'} --namespace ${snapshot.namespace}; if it does not exist: kubectl create secret tls ${secret ?? 'NAME'} --cert FILE --key FILE --namespace ${snapshot.namespace}`,
    };
    return;
  }
  if (left < 0)
    yield {
      id: 'HF111',
      object,
      evidence: `the certificate of ${host} expired on ${validTo.toISOString()}`,
      mend: 'renew the certificate',
    };
  else if (left < WEEK)
    yield {
      id: 'HF112',
      object,
      evidence: `the certificate of ${host} expires on ${validTo.toISOString()}`,
      mend: 'renew the certificate',
    };
  if (!fitsHost)
    yield {
      id: 'HF113',
      object,
      evidence: `the certificate is for ${names.join(', ') || subject}, not for ${host}`,
      mend: `issue a certificate for ${host}`,
    };
  if (untrusted !== undefined)
    yield {
      id: 'HF119',
      object,
      evidence: `${untrusted}: the chain of the certificate ${subject} of ${host} does not lead to an authority that this machine trusts`,
      mend: untrusted.includes('SELF_SIGNED')
        ? 'use a certificate of an authority that clients trust; if they trust your own authority, set NODE_EXTRA_CA_CERTS for doctor'
        : `put the intermediate certificates behind that of ${host} into tls.crt`,
    };
}

function* checkUpgrade({ url, upgrade }: EdgeProbe): Generator<Finding> {
  if (upgrade === undefined) return;
  if (upgrade.kind === 'failed') {
    yield {
      id: 'HF120',
      object: url,
      evidence: upgrade.reason,
      mend: `curl --verbose --max-time 5 ${url.replace(/^ws/, 'http')}`,
    };
  } else if (upgrade.kind === 'refused' && upgrade.code === 'upgrade_required') {
    yield {
      id: 'HF121',
      object: url,
      evidence: 'the gateway answered an upgrade with 426 upgrade_required: the headers did not arrive',
      mend: 'let the proxy in front forward Connection and Upgrade',
    };
  } else if (upgrade.kind === 'refused' && upgrade.code === 'not_found') {
    yield {
      id: 'HF107',
      object: url,
      evidence: 'the gateway answered with 404 not_found: another path arrived',
      mend: 'do not rewrite the path, and connect to /ws',
    };
  } else if (upgrade.kind === 'http') {
    const { status, location, server } = upgrade;
    const from = server === undefined ? '' : ` from ${server}`;
    const isProxy = status >= 502 && status <= 504;
    yield {
      id: isProxy ? 'HF122' : 'HF123',
      object: url,
      evidence: `an upgrade was answered with ${status}${from}${location === undefined ? '' : `, to ${location}`}`,
      mend: isProxy
        ? 'see the log of the proxy, and the endpoints of the Service'
        : 'route the host and the path /ws to the gateway',
    };
  }
}

function* checkIdle({ url, host, idle }: EdgeProbe, { snapshot, gateway }: Situation): Generator<Finding> {
  if (idle?.closedAfter === undefined) return;
  const ingress = ingressesOf(snapshot, gateway).find(({ spec }) => spec?.rules?.some((rule) => rule.host === host));
  const controller = ingress === undefined ? undefined : controllerOf(ingress, snapshot);
  const setting =
    controller === 'ingress-nginx' && ingress !== undefined
      ? `kubectl annotate ingress ${nameOf(ingress)} --namespace ${snapshot.namespace} --overwrite nginx.ingress.kubernetes.io/proxy-read-timeout=3600`
      : controller === 'traefik'
        ? 'raise respondingTimeouts of the entry point of Traefik, or the timeout of the load balancer in front of it'
        : 'raise the timeout of the proxy or load balancer (timeouts.read of the chart)';
  const who =
    idle.code === 1006
      ? 'something between the client and the gateway, without a close frame'
      : `a close frame with ${idle.code} ${idle.reason}`.trim();
  yield {
    id: 'HF124',
    object: url,
    evidence: `an idle WebSocket was closed after ${idle.closedAfter.toFixed(1)} s by ${who}`,
    mend: setting,
  };
}

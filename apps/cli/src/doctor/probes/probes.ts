/** The certificate that a server presents. */
export interface Certificate {
  /** The subject's common name. */
  readonly subject: string;
  readonly names: readonly string[];
  readonly validTo: Date;
  readonly fitsHost: boolean;
  /** Why OpenSSL does not trust its chain, such as `SELF_SIGNED_CERT_IN_CHAIN`; undefined if it does. */
  readonly untrusted: string | undefined;
}

/** How the upgrade to a WebSocket was answered. */
export type UpgradeAnswer =
  | { readonly kind: 'opened' }
  /** The gateway itself refused it, with an error of its catalogue: the way to it is open. */
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  | { readonly kind: 'http'; readonly status: number; readonly location?: string; readonly server?: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** What an idle WebSocket experienced. */
export interface IdleResult {
  /** When it was closed, in seconds after it was opened; undefined if it stayed open. */
  readonly closedAfter: number | undefined;
  readonly code: number;
  readonly reason: string;
}

/** The result of the probes of one URL, as a client would connect. */
export interface EdgeProbe {
  readonly url: string;
  readonly host: string;
  /** The addresses in DNS; undefined if an address was given. */
  readonly resolved: readonly string[] | undefined;
  readonly certificate?: Certificate;
  readonly upgrade?: UpgradeAnswer;
  readonly idle?: IdleResult;
}

/** What a pod says about itself. */
export interface PodProbe {
  readonly pod: string;
  /** The state of the broker in its own words; undefined if it is up. */
  readonly brokerProblem: string | undefined;
  /** By which its broker removes data, from the admin API; undefined if it removes none, or there is no key. */
  readonly evictionPolicy?: string;
  /** How far its clock is ahead of this machine's, in ms, and the error of that. */
  readonly clock: { readonly ahead: number; readonly error: number } | undefined;
  /** The fingerprint of its configuration, from the admin API. */
  readonly configuration?: string;
  /** How much of each limit is used, if it is overloaded. */
  readonly overload?: string | undefined;
  /** Why the admin API gave no answer, although there is a key. */
  readonly adminProblem?: string;
}

/** Where messages arrived. */
export interface MessageProbe {
  /** Pairs of pods: what was published on the first did not arrive on the second. */
  readonly lost: readonly { readonly from: string; readonly to: string }[];
  /** The median time until a publish was acknowledged, in ms. */
  readonly acknowledgedAfter: number;
}

/** The results of the active checks; undefined where one was not possible. */
export interface Probes {
  readonly edges: readonly EdgeProbe[];
  readonly pods: readonly PodProbe[];
  readonly messages: MessageProbe | undefined;
}

export const NO_PROBES: Probes = { edges: [], pods: [], messages: undefined };

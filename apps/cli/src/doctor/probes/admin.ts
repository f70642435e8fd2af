import { formatAddress, type Address } from '../../verify/address.js';

/** In ms. */
const ANSWER_WITHIN = 5_000;

/** The part of `GET /admin/state` that checks use: docs/admin-api.md. */
export interface AdminState {
  /** The pod's clock, in ms since the Unix epoch. */
  readonly now: number;
  /** The fingerprint of its configuration. */
  readonly configuration: string;
  readonly overloaded: boolean;
  readonly broker: { readonly up: boolean; readonly reason?: string; readonly evictionPolicy?: string };
  readonly limits: readonly { readonly name: string; readonly used: number; readonly max: number }[];
}

/** What a pod says about itself on its management port; or why it does not. */
export async function askState(address: Address, key: string): Promise<AdminState | { readonly problem: string }> {
  try {
    const response = await fetch(`http://${formatAddress(address)}/admin/state`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    if (response.ok) return (await response.json()) as AdminState;
    if (response.status === 401) return { problem: 'it refuses the admin key' };
    return { problem: response.status === 404 ? 'its admin API is off' : `it answered with ${response.status}` };
  } catch {
    return { problem: 'it did not answer on the management port' };
  }
}

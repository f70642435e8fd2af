import { describe, expect, it } from 'vitest';
import { CATALOGUE, entryOf, FINDING_IDS, type FindingId } from '../../src/doctor/catalogue/index.js';
import { diagnose } from '../../src/doctor/diagnose.js';
import { describeGateway, findDeployment } from '../../src/doctor/gateway/gateway.js';
import { FAULTS, probesOf, Target } from './faults.js';
import type { Draft } from './healthy.js';
import { plainRelease } from './plain.js';

/** What is true of the example itself: its heap is not limited, and its secrets are variables. */
const OF_EXAMPLE = ['HF512', 'HF514'];

function idsOf(draft: Draft, probes = { edges: [], pods: [], messages: undefined }): string[] {
  return diagnose({ snapshot: draft, gateway: describeGateway(draft, findDeployment(draft)), probes }).map(
    ({ id }) => id,
  );
}

describe('the diagnosis of plain manifests', () => {
  it('finds only what the example itself should do better', () => {
    expect(idsOf(plainRelease())).toEqual(OF_EXAMPLE);
  });

  it.each(FAULTS)('finds $id and nothing else: $name', (fault) => {
    const draft = plainRelease();
    const target = new Target(draft);
    fault.break?.(target);
    const gateway = describeGateway(draft, findDeployment(draft));
    const all = diagnose({ snapshot: draft, gateway, probes: probesOf(fault, target) });
    const found = all.filter(({ id }) => !OF_EXAMPLE.includes(id) || id === fault.id);
    expect(found.map(({ id }) => id)).toEqual([fault.id]);
    expect(found[0]?.evidence).toContain(fault.evidence);
    expect(found[0]?.mend).not.toBe('');
  });
});

describe('the catalogue', () => {
  it('has a fault in the tests for each finding', () => {
    const tested = new Set<string>([...FAULTS.map(({ id }) => id), 'HF108']);
    expect(FINDING_IDS.filter((id) => !tested.has(id))).toEqual([]);
  });

  it('hides findings that exist, and none hides itself', () => {
    for (const [id, entry] of Object.entries(CATALOGUE)) {
      const hides: readonly string[] = 'hides' in entry ? entry.hides : [];
      for (const other of hides) expect(FINDING_IDS, `${id} hides ${other}`).toContain(other);
      // Otherwise both would be missing.
      const hiders = hides.filter((other) => (entryOf(other as FindingId).hides ?? []).includes(id));
      expect(hiders, `${id} and what hides it hide each other`).toEqual([]);
    }
  });
});

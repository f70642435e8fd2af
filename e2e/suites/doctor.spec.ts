import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import type { Fault } from '../doctor/fault.js';
import { BROKER } from '../doctor/faults/broker.js';
import { EDGE } from '../doctor/faults/edge.js';
import { OPERATION } from '../doctor/faults/operation.js';
import { PODS } from '../doctor/faults/pods.js';
import { SERVICE } from '../doctor/faults/service.js';
import { Patient } from '../doctor/patient.js';
import { writeTable, type Result } from '../doctor/table.js';
import { Cluster } from '../support/cluster.js';
import { kubectl } from '../support/command.js';
import { Namespace } from '../support/namespace.js';

const FAULTS: readonly Fault[] = [...EDGE, ...SERVICE, ...PODS, ...BROKER, ...OPERATION];

/** One for each server: that two classes of Traefik exist makes no difference here. */
const CLASSES = inject('ingressClasses').filter(({ name }) => name !== 'nginx-traefik');

/** How long a fault, or the end of one, may take to show: an autoscaler without metrics counts after a minute. */
const SHOWS_WITHIN = 120_000;

const results: Result[] = [];
let total = 0;

describe.skipIf(process.env['E2E_DOCTOR'] !== '1')('holdfast doctor', () => {
  afterAll(async () => {
    // A part of them would not be the table.
    if (total > 0 && results.length === total) await writeTable(results);
  });

  describe.each(CLASSES)('behind ingress class $name', (ingressClass) => {
    let namespace: Namespace;
    let patient: Patient;
    const faults = FAULTS.filter(({ only = ingressClass.server }) => only === ingressClass.server);
    total += faults.length;

    beforeAll(async () => {
      namespace = await Namespace.create(Cluster.connect(), `doctor-${ingressClass.name}`);
      patient = new Patient(namespace, ingressClass);
      await patient.install();
    });
    afterAll(() => namespace?.remove());
    beforeEach(() => namespace.collectOnFailure());
    afterEach(() => patient.undo());

    async function expectFindings(ids: readonly string[], args?: readonly string[]): Promise<void> {
      await vi.waitFor(
        async () => {
          const { findings } = await patient.examine(args);
          expect(
            findings.map(({ id }) => id),
            JSON.stringify(findings, undefined, 2),
          ).toEqual(ids);
        },
        { timeout: SHOWS_WITHIN, interval: 500 },
      );
    }

    it('finds nothing in a healthy release', async () => {
      await expectFindings([]);
      const { unexamined } = await patient.examine();
      expect(unexamined.map(({ what }) => what)).toEqual(['DNS', 'whether an idle WebSocket is closed']);
    });

    it('needs no more than the role view, and says what it could not see', async () => {
      const { name } = namespace;
      await kubectl(['create', 'serviceaccount', 'viewer', '--namespace', name]);
      await kubectl([
        'create',
        'rolebinding',
        'viewer',
        '--clusterrole=view',
        `--serviceaccount=${name}:viewer`,
        '--namespace',
        name,
      ]);
      const token = await kubectl(['create', 'token', 'viewer', '--namespace', name]);
      const config = JSON.parse(await kubectl(['config', 'view', '--raw', '--minify', '--output=json'])) as {
        users: { user: object }[];
      };
      config.users = config.users.map((user) => Object.assign(user, { user: { token: token.trim() } }));
      const path = join(tmpdir(), `holdfast-doctor-${name}.json`);
      // It contains a token.
      onTestFinished(() => rm(path, { force: true }));
      await writeFile(path, JSON.stringify(config), { mode: 0o600 });
      const { findings, unexamined } = await patient.examine(undefined, path);
      expect(findings).toEqual([]);
      expect(unexamined.map(({ what }) => what)).toEqual(
        expect.arrayContaining(['nodes', 'IngressClasses', 'namespaces']),
      );
    });

    it.each(faults)('names $id and nothing else: $name', async ({ id, name, make, args }) => {
      await expectFindings([]);
      const begun = Date.now();
      await make(patient);
      const given = await args?.(patient);
      await expectFindings([id], given);
      results.push({ id, name, server: ingressClass.server, after: Date.now() - begun });
    });
  });
});

import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { healthy, type Draft } from './healthy.js';

const FOLDER = fileURLToPath(new URL('../../../../examples/plain-manifests/manifests', import.meta.url));

/** A healthy release of the manifests without the chart. */
export function plainRelease(): Draft {
  const manifests = globSync('*.yaml', { cwd: FOLDER }).map(
    (file) => parse(readFileSync(`${FOLDER}/${file}`, 'utf8')) as object,
  );
  return healthy(manifests, 'plain');
}

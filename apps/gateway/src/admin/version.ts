import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

/** The version of the gateway, whose code is one file in an image. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) throw new Error('the package.json of the gateway is missing');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

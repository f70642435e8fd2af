import { fileURLToPath } from 'node:url';

/** Of a file of this repository. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** What is built for the benchmark is left here, and built again where its sources are newer. */
export const CACHE = repositoryPath('bench/.cache');

import { fileURLToPath } from 'node:url';

/** The path of a file in this repository. */
export function repositoryPath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** The folder for built servers, which are built again if their sources are newer. */
export const CACHE = repositoryPath('bench/.cache');

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

const pinned = read('.nvmrc').trim();

it('.nvmrc names the Node.js version that npm installs', () => {
  const { optionalDependencies } = JSON.parse(read('package.json')) as { optionalDependencies: Record<string, string> };
  expect([...new Set(Object.values(optionalDependencies))]).toEqual([pinned]);
});

it('.nvmrc names the major version that the image is built with', () => {
  const [, image] = /^ARG BUILD_IMAGE=\S+\/node:(\S+)$/m.exec(read('Dockerfile')) ?? [];
  expect(image?.split('-', 1)[0]).toBe(pinned.split('.', 1)[0]);
});

import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** `promise 4`, `Promises 1, 2 and 4`, `promises 1 to 4 and 6`. */
const CITATION = /\bpromises? (\d+(?:(?:, | and | to )\d+)*)/gi;

const promises = [...readFileSync(`${ROOT}/docs/promises.md`, 'utf8').matchAll(/^## (\d+)\. /gm)].map(([, number]) =>
  Number(number),
);

const sources = globSync(['{apps,libs}/*/{src,test}/**/*.ts', 'e2e/**/*.ts', 'conformance/**/*.ts'], {
  cwd: ROOT,
  exclude: ['**/node_modules/**'],
});

function citedBy(paths: readonly string[]): Set<number> {
  const texts = paths.map((path) => readFileSync(`${ROOT}/${path}`, 'utf8'));
  return new Set(texts.flatMap((text) => [...text.matchAll(CITATION)].flatMap(([, list = '']) => numbersOf(list))));
}

function numbersOf(list: string): number[] {
  return list.split(/, | and /).flatMap((part) => {
    const [from = 0, to = from] = part.split(' to ').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

describe('docs/promises.md', () => {
  it('numbers the promises from 1', () => {
    expect(promises.length).toBeGreaterThan(0);
    expect(promises).toEqual(promises.map((_, index) => index + 1));
  });

  it('contains every promise that is cited', () => {
    expect([...citedBy(sources)].filter((number) => !promises.includes(number))).toEqual([]);
  });

  it.each(promises)('has a test that cites promise %i', (number) => {
    expect(citedBy(sources.filter((path) => path.endsWith('.spec.ts')))).toContain(number);
  });
});

it('finds every form of citation', () => {
  expect(numbersOf('1 to 4 and 6')).toEqual([1, 2, 3, 4, 6]);
  expect(numbersOf('1, 2 and 4')).toEqual([1, 2, 4]);
  expect(numbersOf('8')).toEqual([8]);
});

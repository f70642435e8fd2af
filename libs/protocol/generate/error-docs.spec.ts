import { describe, expect, it } from 'vitest';
import { CLOSE } from '../src/close-codes.js';
import { ERRORS, type ErrorCode } from '../src/errors.js';
import { errorDocs } from './error-docs.js';
import { CLOSE_OF_REFUSAL, ERROR_EXPLANATIONS } from './explanations.js';

describe('the docs', () => {
  const sut = errorDocs();

  it.each(Object.entries(ERRORS))('explain the error %s', (code, { status, retryable }) => {
    expect(sut).toContain(`| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | `);
  });

  it.each(Object.values(CLOSE))('explain the close code $code', ({ code }) => {
    expect(sut).toContain(`\n| ${code} | `);
  });
});

describe('the explanations', () => {
  it('name somebody who gets each error', () => {
    for (const [code, { carriers }] of Object.entries(ERROR_EXPLANATIONS)) expect(carriers, code).not.toEqual([]);
  });

  it('give a close code for the refusals that browsers would not see', () => {
    const hidden = (Object.keys(ERRORS) as ErrorCode[]).filter(
      (code) =>
        ERROR_EXPLANATIONS[code].carriers.includes('upgrade') &&
        (code === 'authorization_unavailable' || [401, 403, 429].includes(ERRORS[code].status)),
    );
    expect(Object.keys(CLOSE_OF_REFUSAL).toSorted()).toEqual(hidden.toSorted());
  });
});

import { describe, expect, it } from 'vitest';
import { askTwice } from '../../src/doctor/probes/ask-twice.js';

/** A probe with these answers; how often it was asked and waited; and the answer that counts. */
async function outcome(...answers: string[]): Promise<{ answer: string; asked: number; waited: number }> {
  let [asked, waited] = [0, 0];
  const answer = await askTwice(
    async () => answers[asked++] ?? 'none',
    (text) => text === 'bad',
    () => (waited += 1),
    1,
  );
  return { answer, asked, waited };
}

describe('a probe', () => {
  it('asks once if all is well', async () => {
    expect(await outcome('good', 'bad')).toEqual({ answer: 'good', asked: 1, waited: 0 });
  });

  it('asks again after a while if something is wrong, and takes the second answer, whatever it is', async () => {
    expect(await outcome('bad', 'good')).toEqual({ answer: 'good', asked: 2, waited: 1 });
    expect(await outcome('bad', 'bad')).toEqual({ answer: 'bad', asked: 2, waited: 1 });
  });
});

import { describe, expect, it } from 'vitest';
import { MAX_TEXT_LENGTH, readContent, sendableText } from './content.js';

describe('readContent', () => {
  it('reads messages of the page itself', () => {
    expect(readContent({ text: 'hello', name: 'Ada' })).toEqual({ text: 'hello', name: 'Ada' });
  });

  it('reads a bare string, as a terminal publishes it', () => {
    expect(readContent('hello')).toEqual({ text: 'hello' });
  });

  it.each([[{ text: 'hello', name: 7 }], [{ text: 'hello', name: '  ' }], [{ text: 'hello' }]])(
    'does without a name in %j',
    (data) => {
      expect(readContent(data)).toEqual({ text: 'hello' });
    },
  );

  it.each([[null], [7], [['a']], [{ text: 1 }], [{}]])('shows anything else as JSON: %j', (data) => {
    expect(JSON.parse(readContent(data).text)).toEqual(data);
  });
});

describe('sendableText', () => {
  it.each(['', ' ', '\n\n', '\t \n'])('sends nothing of %j', (typed) => {
    expect(sendableText(typed)).toBeUndefined();
  });

  it('drops blank lines around the text, and keeps the indentation of the first line', () => {
    expect(sendableText('\n \n  code\n\n  more \n')).toBe('  code\n\n  more');
  });

  it('refuses text that is too long, and counts only the part that would be sent', () => {
    expect(sendableText('x'.repeat(MAX_TEXT_LENGTH) + '\n')).toHaveLength(MAX_TEXT_LENGTH);
    expect(sendableText('x'.repeat(MAX_TEXT_LENGTH + 1))).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { linkify } from './linkify.js';

function links(text: string): string[] {
  return linkify(text).flatMap((part) => ('href' in part ? [part.text] : []));
}

describe('linkify', () => {
  it('leaves a text without addresses alone', () => {
    expect(linkify('no links here: a/b, 1.2')).toEqual([{ text: 'no links here: a/b, 1.2' }]);
  });

  it('splits a text around its links', () => {
    expect(linkify('see https://example.com/a and http://b.example')).toEqual([
      { text: 'see ' },
      { text: 'https://example.com/a', href: 'https://example.com/a' },
      { text: ' and ' },
      { text: 'http://b.example', href: 'http://b.example/' },
    ]);
  });

  it.each([
    ['Look at https://example.com.', 'https://example.com'],
    ['(https://example.com/a)', 'https://example.com/a'],
    ['https://example.com/wiki/Kelp_(alga)', 'https://example.com/wiki/Kelp_(alga)'],
    ['(see https://example.com/wiki/Kelp_(alga)).', 'https://example.com/wiki/Kelp_(alga)'],
    ['"https://example.com/q?a=1&b=2#c", he said', 'https://example.com/q?a=1&b=2#c'],
    ['https://example.com/?!', 'https://example.com/'],
    ['HTTPS://EXAMPLE.COM', 'HTTPS://EXAMPLE.COM'],
  ])('finds the address in %s', (text, address) => {
    expect(links(text)).toEqual([address]);
  });

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'xhttps://',
    'https://',
    'http://[',
    'ftp://a.b',
  ])('does not link %s', (text) => {
    expect(links(text)).toEqual([]);
  });

  it('never loses a character', () => {
    const text = '<b>https://a.example/<script>("https://b.example/x)")… https:// (http://c.example)!?';
    expect(
      linkify(text)
        .map((part) => part.text)
        .join(''),
    ).toBe(text);
  });

  it('takes linear time for any text', () => {
    const before = process.cpuUsage();
    for (const part of [')', '.', '(', 'https://', 'https://a.', '].', 'h']) {
      expect(linkify(`https://a.example/${part.repeat(100_000)}`)).not.toEqual([]);
    }
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  });
});

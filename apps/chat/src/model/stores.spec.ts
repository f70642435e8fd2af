import { describe, expect, it } from 'vitest';
import { Drafts } from './drafts.js';
import { Identities, MAX_NAME_LENGTH, normalizeName } from './identity.js';
import { Outbox, type OutgoingMessage } from './outbox.js';
import { memoryStorage, Store, type StorageArea } from './store.js';

const brokenStorage: StorageArea = {
  getItem: () => {
    throw new Error('forbidden');
  },
  setItem: () => {
    throw new Error('full');
  },
  removeItem: () => {
    throw new Error('forbidden');
  },
};

describe('Drafts', () => {
  it('keeps a draft per room across a reload', () => {
    const area = memoryStorage();
    const before = new Drafts(new Store(area));
    before.set('lobby', 'half a sen');
    before.set('help', 'other');
    const sut = new Drafts(new Store(area));
    expect(sut.get('lobby')).toBe('half a sen');
    expect(sut.get('help')).toBe('other');
    expect(sut.get('random')).toBe('');
  });

  it('forgets a draft that was sent', () => {
    const sut = new Drafts(new Store(memoryStorage()));
    sut.set('lobby', 'x');
    sut.set('lobby', '');
    expect(sut.get('lobby')).toBe('');
  });

  it('works if the browser forbids storage', () => {
    const sut = new Drafts(new Store(brokenStorage));
    sut.set('lobby', 'x');
    sut.set('lobby', '');
    expect(sut.get('lobby')).toBe('');
  });
});

describe('Outbox', () => {
  const message: OutgoingMessage = { key: 'k', room: 'lobby', text: 'hi', name: 'Ada', time: 1, failed: false };

  it('keeps unconfirmed messages across a reload, in order', () => {
    const area = memoryStorage();
    const before = new Outbox(new Store(area));
    before.put(message);
    before.put({ ...message, key: 'l' });
    before.put({ ...message, failed: true });
    const sut = new Outbox(new Store(area));
    expect(sut.messages).toEqual([
      { ...message, failed: true },
      { ...message, key: 'l' },
    ]);
    sut.remove('k');
    expect(new Outbox(new Store(area)).messages).toEqual([{ ...message, key: 'l' }]);
  });

  it.each(['not JSON', '{}', '[{"key":1}]', 'null'])('is empty if %j is stored', (stored) => {
    const area = memoryStorage();
    area.setItem('holdfast.chat.outbox', stored);
    expect(new Outbox(new Store(area)).messages).toEqual([]);
  });
});

const tabOf = (area = memoryStorage()): Store => new Store(area);

describe('Identities', () => {
  it('are the same person after a reload', () => {
    const tab = memoryStorage();
    const ada = new Identities(tabOf(tab), tabOf()).join('Ada');
    expect(new Identities(tabOf(tab), tabOf()).current()).toEqual(ada);
  });

  it('let a second window be the same person under the same name, or another one', () => {
    const browser = memoryStorage();
    const ada = new Identities(tabOf(), tabOf(browser)).join('Ada');
    const second = new Identities(tabOf(), tabOf(browser));
    expect(second.current()).toBeUndefined();
    expect(second.remembered()?.name).toBe('Ada');
    expect(second.join('Ada')).toEqual(ada);
    expect(new Identities(tabOf(), tabOf(browser)).join('Grace').secret).not.toBe(ada.secret);
  });

  it('keep the person under another name', () => {
    const sut = new Identities(tabOf(), tabOf());
    const ada = sut.join('Ada');
    expect(sut.rename(ada, 'Countess')).toEqual({ name: 'Countess', secret: ada.secret });
    expect(sut.current()?.name).toBe('Countess');
  });

  it('do not trust what is stored', () => {
    const area = memoryStorage();
    area.setItem('holdfast.chat.identity', '{"name":"Ada","secret":"guessable"}');
    expect(new Identities(tabOf(area), tabOf()).current()).toBeUndefined();
  });
});

describe('normalizeName', () => {
  it.each([
    [' Ada  Lovelace ', 'Ada Lovelace'],
    ['Ada\u0000\nL', 'Ada L'],
    ['👩‍💻', '👩‍💻'],
    ['x'.repeat(MAX_NAME_LENGTH), 'x'.repeat(MAX_NAME_LENGTH)],
  ])('reads %j as %j', (input, name) => {
    expect(normalizeName(input)).toBe(name);
  });

  it.each(['', '  ', '\u200b\u200b', 'x'.repeat(MAX_NAME_LENGTH + 1)])('refuses %j', (input) => {
    expect(normalizeName(input)).toBeUndefined();
  });
});

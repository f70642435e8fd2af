import { describeBroker } from '../testing/index.js';
import { MemoryBroker } from './memory-broker.js';
import { MemoryStore } from './memory-store.js';

describeBroker('MemoryBroker', () => {
  const store = new MemoryStore();
  return { connect: () => new MemoryBroker(store), close: async () => {} };
});

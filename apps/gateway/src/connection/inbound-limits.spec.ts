import { expect, it } from 'vitest';
import { InboundLimits } from './inbound-limits.js';

const RATE = { burst: 1_000_000, perSecond: 1_000_000 };

it('the unpacked bytes of a complete message do not count as those of one that is not complete', () => {
  const socket = { bytesRead: 0 };
  const origin = {
    get sender(): never {
      throw new Error('it sends little');
    },
  };
  const sut = new InboundLimits({ frames: RATE, bytes: RATE }, socket, origin);
  socket.bytesRead = 100;
  sut.addUnpacked(1_000);
  sut.takeFrame();
  sut.takeBytes();
  expect(sut.unfinished).toBe(0);
  socket.bytesRead = 150;
  sut.takeBytes();
  expect(sut.unfinished).toBe(50);
});

import { renderToString } from 'react-dom/server';
import { expect, it, vi } from 'vitest';
import { HoldfastProvider, useConnectionState, usePresence, usePublish, useSubscription } from '../src/index.js';

function Page() {
  const { state } = useConnectionState();
  const { isReady } = useSubscription('room', { message() {}, gap() {} }, { last: 10 });
  const { count } = usePresence('room');
  usePublish('room');
  return `${state} ${isReady} ${count}`;
}

it('renders on a server without a document, a location or a connection, and without a warning', () => {
  expect(globalThis).not.toHaveProperty('document');
  const printed = vi.spyOn(console, 'error');
  const webSockets = vi.spyOn(globalThis, 'WebSocket');
  const html = renderToString(
    <HoldfastProvider url="/ws">
      <Page />
    </HoldfastProvider>,
  );
  expect(html).toBe('disconnected false 0');
  expect(webSockets).not.toHaveBeenCalled();
  expect(printed).not.toHaveBeenCalled();
});

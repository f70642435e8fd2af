import type { Position } from '@holdfast/client';
import { HoldfastProvider } from '@holdfast/react';
import { Chat, type Message } from './chat.tsx';

/** What the server has rendered, from which the page continues. */
export interface AppState {
  /** The gateway's WebSocket. */
  readonly url: string;
  readonly channel: string;
  readonly messages: readonly Message[];
  /** The position in the channel up to which these are. */
  readonly since: Position;
}

export function App({ url, channel, messages, since }: AppState) {
  return (
    <HoldfastProvider url={url}>
      <Chat channel={channel} initial={messages} since={since} />
    </HoldfastProvider>
  );
}

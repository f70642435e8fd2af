import type { Position } from '@holdfast/client';
import { useConnectionState, usePublish, useSubscription } from '@holdfast/react';
import { useState } from 'react';

export interface Message {
  readonly offset: number;
  readonly data: { readonly text: string };
}

interface Props {
  readonly channel: string;
  readonly initial: readonly Message[];
  readonly since: Position;
}

export function Chat({ channel, initial, since }: Props) {
  const [messages, setMessages] = useState(initial);
  const [text, setText] = useState('');
  const { state } = useConnectionState();
  const publish = usePublish<Message['data']>(channel);
  const { error } = useSubscription<Message['data']>(
    channel,
    {
      message: (message) => setMessages((before) => [...before, message]),
      gap: () => location.reload(), // the server renders what is there now
    },
    { since }, // what was published after the server had read the history arrives first
  );

  async function send() {
    setText('');
    try {
      await publish({ text });
    } catch (failure) {
      alert(failure instanceof Error ? failure.message : failure);
    }
  }

  return (
    <main>
      <p role="status">{error?.message ?? state}</p>
      <ol>
        {messages.map(({ offset, data }) => (
          <li key={offset}>{data.text}</li>
        ))}
      </ol>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} required />
        <button>Send</button>
      </form>
    </main>
  );
}

import type { MessageOf } from '@holdfast/client';
import { useConnectionState, usePresence, usePublish, useSubscription } from '@holdfast/react';
import { useState } from 'react';

interface ChatMessage {
  name: string;
  text: string;
}

export function Chat({ channel }: { channel: string }) {
  const [name, setName] = useState(() => `Guest ${Math.floor(Math.random() * 1000)}`);
  const [text, setText] = useState('');
  const [gaps, setGaps] = useState(0);
  const { state, reason } = useConnectionState();
  const { count } = usePresence(channel);
  const publish = usePublish<ChatMessage>(channel);

  async function send() {
    setText('');
    try {
      await publish({ name, text });
    } catch (error) {
      alert(error instanceof Error ? error.message : error);
    }
  }

  return (
    <main>
      <h1>{channel}</h1>
      <p role="status">
        {state} {reason?.message} · {count} here
      </p>
      {/* If messages were lost, it begins again with those that the gateway has. */}
      <Messages key={gaps} channel={channel} onGap={() => setGaps(gaps + 1)} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <input aria-label="Your name" value={name} onChange={(event) => setName(event.target.value)} />
        <input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} required />
        <button>Send</button>
      </form>
    </main>
  );
}

function Messages({ channel, onGap }: { channel: string; onGap: () => void }) {
  const [messages, setMessages] = useState<MessageOf<ChatMessage>[]>([]);
  const { error } = useSubscription<ChatMessage>(
    channel,
    {
      message: (message) => setMessages((before) => [...before, message]),
      gap: onGap,
    },
    { last: 50 },
  );
  if (error) return <p role="alert">{error.message}</p>;
  return (
    <ol>
      {messages.map(({ offset, data }) => (
        <li key={offset}>
          {data.name}: {data.text}
        </li>
      ))}
    </ol>
  );
}
